import Basics
import Model
import Scheduling
import Testing

/// Constraints that leave no value for each other are told before anything is placed.
@Suite struct ContradictionTests {
    private static func constraint(_ left: String, _ operand: String, _ right: String) -> Constraint {
        var constraint = Constraint()
        (constraint.lTarget, constraint.operand, constraint.rTarget) = (left, operand, right)
        return constraint
    }

    private func contradictions(_ constraints: [Constraint]) -> [ImpossibleAsk] {
        var (job, group) = (Job(), TaskGroup())
        job.constraints = Array(constraints.prefix(1))
        group.constraints = Array(constraints.dropFirst())
        job.taskGroups = [group]
        return ImpossibleAsks.contradictions(job, group)
    }

    @Test(
        arguments: [
            (">", "5", "<", "3", true), (">", "5", "<", "5", true), (">=", "5", "<=", "5", false),
            (">=", "5", "<", "5", true), (">", "5", "<=", "5.0", true), (">", "3", "<", "4", false),
            (">", "9", "<", "10", false), ("<", "9", ">", "10", true), (">", "5", ">=", "7", false),
            (">", "m", "<", "c", true), (">=", "c", "<", "m", false), (">", "5", "<", "abc", false),
            ("=", "4", ">", "5", true), (">", "5", "=", "6", false), (">", "5", "is_not_set", "", true),
            ("!=", "5", "is_not_set", "", false), ("version", "> 1", "is_not_set", "", true),
            ("version", "> 2", "version", "< 1", true), ("version", "> 1", "version", "< 2", false),
            ("version", ">= 2", "version", "<= 2.0", false), ("version", ">= 2", "version", "< 2.0.0", true),
            ("version", "> 1.2.3", "version", "< 1.2.3.1", false), ("version", "~> 1.4", "version", ">= 2", true),
            ("version", "~> 1.4", "version", "> 1.9", false), ("version", "~> 1.4.2", "version", "> 1.9", true),
            ("version", "= 1.5", "version", "!= 1.5.0", true), ("version", ">= 1.5, != 1.5", "version", "<= 1.5", true),
            ("version", "> 1.0-beta", "version", "< 1.0", true), ("version", "> 1.0-a", "version", "< 1.0-c", false),
            ("semver", "> 1.0.0-beta", "semver", "< 1.0.0", false), ("semver", "> 2.0.0", "semver", "< 1.0.0", true),
            ("semver", "> 1.2.3", "semver", "< 1.2.4", false), ("semver", "> 1.2.3", "version", "< 1.2.4", true),
            ("semver", "~> 1.2.0", "version", ">= 1.3", true), ("semver", ">= 1.0.0", "version", "< 1.0.1", false),
            ("=", "1.4", "version", "< 1.2", true), ("version", "< 1.2", "=", "1.1", false),
            ("regexp", "^a", "regexp", "^b", false), (">", "${meta.x}", "<", "3", false),
        ] as [(String, String, String, String, Bool)])
    func pairs(first: String, value: String, second: String, other: String, excludes: Bool) {
        let pair = [Self.constraint("${attr.x}", first, value), Self.constraint("${attr.x}", second, other)]
        let expected: [ImpossibleAsk] =
            excludes ? [.contradiction(Predicate(pair[0]).label, Predicate(pair[1]).label)] : []
        #expect(contradictions(pair) == expected)
        #expect(contradictions(pair.reversed()).count == expected.count)
        let elsewhere = [pair[0], Self.constraint("${attr.y}", second, other)]
        #expect(contradictions(elsewhere).isEmpty)
    }

    @Test(arguments: [
        ("version", "> 2, < 1", true), ("version", ">= 1, < 2", false), ("semver", "> 1.0.0, < 1.0.0", true),
        ("version", "~> 1.2, ~> 2.1", true), ("semver", ">= 1.0.0, != 1.0.0, <= 1.0.0", true),
    ])
    func oneThatNothingMeets(operand: String, text: String, isEmpty: Bool) {
        let constraint = Self.constraint("${attr.x}", operand, text)
        #expect(contradictions([constraint]) == (isEmpty ? [.nothing("${attr.x} \(operand) \(text)")] : []))
    }

    /// Of a device's attributes amounts count, whatever the unit.
    @Test(arguments: [
        (">", "40 GiB", "<", "30000 MiB", true), (">=", "30 GiB", "<=", "40000 MiB", false),
        ("=", "16 GiB", "=", "16384 MiB", false), ("=", "16 GiB", ">", "16384 MiB", true),
    ])
    func devices(first: String, value: String, second: String, other: String, excludes: Bool) {
        var device = RequestedDevice()
        device.name = "nvidia/gpu"
        let target = "${device.attr.memory}"
        device.constraints = [Self.constraint(target, first, value), Self.constraint(target, second, other)]
        var (job, group, task) = (Job(), TaskGroup(), JobTask())
        task.resources = Resources()
        task.resources?.devices = [device]
        group.tasks = [task]
        job.taskGroups = [group]
        #expect(ImpossibleAsks.contradictions(job, group).isEmpty != excludes)
    }

    /// Nothing that a value meets is called a contradiction, and of conditions on numbers and versions that none of many meets
    /// few are missed.
    @Test(arguments: [["<", "<=", ">", ">=", "=", "!="], ["version"], ["semver"], ["version", "semver"]])
    func whatAValueMeetsIsNoContradiction(operands: [String]) {
        var generator = SeededGenerator(seed: 7)
        func below(_ limit: Int) -> Int { Int(generator.next(upperBound: UInt64(limit))) }
        let isVersion = operands[0].count > 2
        func version() -> String {
            "\(below(3)).\(below(3)).\(below(3))" + (below(3) == 0 ? ["-a", "-a.1", "-b"][below(3)] : "")
        }
        let values =
            isVersion
            ? (0..<64).flatMap { number in
                let text = "\(number / 16).\(number / 4 % 4).\(number % 4)"
                return [text, "\(text)-0", "\(text)-a", "\(text)-a.0", "\(text)-a.1", "\(text)-b", "\(text).0.0.1"]
            } : (-2..<22).flatMap { ["\(Double($0) / 2)", "\($0 / 2)"] }
        var (missed, found) = (0, 0)
        for _ in 0..<2_000 {
            let pair = (0..<2).map { _ in
                let terms = ["=", "!=", "<", "<=", ">", ">=", "~>"]
                let right = isVersion ? "\(terms[below(7)]) \(version())" : "\(below(20) / 2)"
                return Self.constraint("${attr.x}", operands[below(operands.count)], right)
            }
            let predicates = pair.map { Predicate($0) }
            let meets = values.contains { value in predicates.allSatisfy { $0.holds(value, $0.right(pair)) } }
            let contradicts = !contradictions(pair).isEmpty
            #expect(!(meets && contradicts), "\(pair.map { Predicate($0).label })")
            if !meets { if contradicts { found += 1 } else { missed += 1 } }
        }
        #expect(found > 200 && missed * 50 < found, "\(found) found, \(missed) missed")
    }
}

extension Predicate {
    /// The right side of the constraint that the predicate was made of.
    fileprivate func right(_ constraints: [Constraint]) -> String? {
        constraints.first { Predicate($0).label == label }?.rTarget
    }
}
