internal import Raft

/// Who waits for a proposal, whatever the state machine.
///
/// What goes through the queues of ``ReplicatedLog`` is of no generic type. Its loops are compiled once for all state machines; of
/// what depends on one they have to look up the type at each step, and that takes longer than the step.
protocol Proposer: AnyObject, Sendable {
    func fail(_ error: ConsensusError)
}

/// A proposer with what its state machine alone understands.
final class PendingProposal<Machine: StateMachine>: Proposer {
    /// What the proposed data say; nil when only they do.
    let command: Machine.Command?
    private let completion: ReplicatedLog<Machine>.Completion

    init(command: Machine.Command?, completion: @escaping ReplicatedLog<Machine>.Completion) {
        self.command = command
        self.completion = completion
    }

    func succeed(at index: UInt64, _ output: Machine.Output) {
        completion(.success(ReplicatedLog<Machine>.Applied(index: index, output: output)))
    }

    func fail(_ error: ConsensusError) { completion(.failure(error)) }
}

typealias SnapshotCompletion = @Sendable (Result<SnapshotMetadata, ConsensusError>) -> Void
typealias IndexCompletion = @Sendable (Result<UInt64, ConsensusError>) -> Void

/// One thing for the core.
enum CoreInput: Sendable {
    case event(Event)
    case proposal(Proposal, term: UInt64?, any Proposer)
    /// ``Event/changeMembership(_:)`` or ``Event/bootstrap(_:)``.
    case membership(Event, IndexCompletion)
    case barrier(IndexCompletion)
    case progress(@Sendable (Result<ReplicationProgress, ConsensusError>) -> Void)
    case applied(index: UInt64, bytes: Int)
}

/// A proposal in the log, waiting to be applied.
struct Waiter: Sendable {
    let index: UInt64
    let term: UInt64
    let bytes: Int
    let outcome: Outcome

    enum Outcome: Sendable {
        case proposal(any Proposer)
        case membership(IndexCompletion)
    }

    func fail(_ error: ConsensusError) {
        switch outcome {
        case .proposal(let proposer): proposer.fail(error)
        case .membership(let completion): completion(.failure(error))
        }
    }
}

/// Work for the state machine, done in order.
enum ApplyJob: Sendable {
    /// Committed entries, and who waits for some of them; both ascending by index.
    case entries([LogEntry], [Waiter])
    /// Restore from this snapshot, which came from the leader and is on disk.
    case install(SnapshotMetadata)
    /// Tell once this index is applied.
    case barrier(UInt64, IndexCompletion)
    case snapshotNow(SnapshotCompletion)
    /// The oldest of the snapshots being written is on disk and has so many bytes, or could not be written.
    case snapshotEnded(Result<UInt64, ConsensusError>)
}
