internal import Basics
internal import Model

/// How one scheduler plug-in has done lately, and whether it may be asked.
///
/// ```
/// asked ──faultsMax in a row──► put aside ──delay──► asked again ──fault──► put aside, twice as long
///   ▲──────────────────── good answer ──────────────────────┘
/// ```
/// Pure: moments come as arguments.
struct SchedulerHealth: Sendable {
    struct Settings: Sendable {
        /// Faults in a row before the plug-in is put aside; 3.
        var faultsMax = 3
        /// How long it is put aside at first, and at most; 30 s to 5 min.
        var firstDelay = Duration.seconds(30)
        var delayMax = Duration.seconds(300)
    }

    private(set) var answers = 0
    private(set) var faults: [SchedulerFaultKind: Int] = [:]
    private(set) var faultsInARow = 0
    /// Set while it is put aside, and until its next good answer.
    private(set) var asideUntil: Uptime?
    private let settings: Settings

    init(settings: Settings = Settings()) { self.settings = settings }

    func mayBeAsked(now: Uptime) -> Bool { asideUntil.map { $0 <= now } ?? true }

    /// It gave an answer that could be used.
    mutating func answered() {
        answers += 1
        faultsInARow = 0
        asideUntil = nil
    }

    /// It did not.
    mutating func failed(_ kind: SchedulerFaultKind, now: Uptime) {
        faults[kind, default: 0] += 1
        faultsInARow += 1
        guard faultsInARow >= settings.faultsMax else { return }
        let doublings = min(faultsInARow - settings.faultsMax, 16)
        asideUntil = now + min(settings.firstDelay * (1 << doublings), settings.delayMax)
    }
}
