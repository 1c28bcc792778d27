import Basics
import Model
import Testing

@testable import Server

/// When a faulty scheduler is put aside, and for how long.
@Suite struct SchedulerHealthTests {
    @Test(
        arguments: [
            (faults: 1, seconds: nil), (2, nil), (3, 30), (4, 60), (5, 120), (6, 240), (7, 300), (40, 300),
        ] as [(Int, Int64?)])
    func theDelayGrowsWithFaultsInARow(faults: Int, seconds: Int64?) {
        var health = SchedulerHealth()
        let now = Uptime(nanoseconds: 0)
        for _ in 0..<faults { health.failed(.late, now: now) }
        #expect(health.asideUntil == seconds.map { now + .seconds($0) })
        #expect(health.mayBeAsked(now: now) == (seconds == nil))
        #expect(health.mayBeAsked(now: now + .seconds(seconds ?? 0)))
    }

    @Test func aGoodAnswerForgivesAll() {
        var health = SchedulerHealth()
        let now = Uptime(nanoseconds: 0)
        for _ in 0..<5 { health.failed(.crashed, now: now) }
        health.answered()
        #expect(health.mayBeAsked(now: now) && health.faultsInARow == 0 && health.answers == 1)
        #expect(health.faults == [.crashed: 5], "what has happened is still counted")
        health.failed(.crashed, now: now)
        #expect(health.mayBeAsked(now: now))
    }

    @Test func theMedianIsOfTheNewestAndTheLongestOfAll() {
        var window = DurationWindow()
        #expect(window.median == .zero)
        window.add(.seconds(9))
        for number in 1...512 { window.add(.milliseconds(Int64(number))) }
        #expect(window.median == .milliseconds(256))
        #expect(window.longest == .seconds(9))
    }
}
