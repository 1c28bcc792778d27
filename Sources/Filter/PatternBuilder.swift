/// Turns a syntax tree into a program for ``Pattern/matches(_:)``.
struct PatternBuilder {
    let source: String
    private var program: [Pattern.Instruction] = []

    init(source: String) { self.source = source }

    mutating func finish() throws(PatternError) -> [Pattern.Instruction] {
        try append(.match)
        return program
    }

    mutating func add(_ tree: PatternTree) throws(PatternError) {
        switch tree {
        case .empty: break
        case .scalar(let set): try append(.scalar(set))
        case .assertion(let instruction): try append(instruction)
        case .sequence(let items): for item in items { try add(item) }
        case .either(let branches): try add(branches[...])
        case .repeated(let inner, let least, let most):
            for _ in 0..<least { try add(inner) }
            if let most { try addOptional(inner, times: most - least) } else { try addLoop(inner) }
        }
    }

    private mutating func add(_ branches: ArraySlice<PatternTree>) throws(PatternError) {
        var exits: [Int] = []
        for branch in branches.dropLast() {
            let split = program.count
            try append(.split(split + 1, 0))
            try add(branch)
            exits.append(program.count)
            try append(.jump(0))
            program[split] = .split(split + 1, program.count)
        }
        if let last = branches.last { try add(last) }
        for exit in exits { program[exit] = .jump(program.count) }
    }

    private mutating func addOptional(_ tree: PatternTree, times: Int) throws(PatternError) {
        var splits: [Int] = []
        for _ in 0..<times {
            splits.append(program.count)
            try append(.split(program.count + 1, 0))
            try add(tree)
        }
        for split in splits { program[split] = .split(split + 1, program.count) }
    }

    private mutating func addLoop(_ tree: PatternTree) throws(PatternError) {
        let split = program.count
        try append(.split(split + 1, 0))
        try add(tree)
        try append(.jump(split))
        program[split] = .split(split + 1, program.count)
    }

    private mutating func append(_ instruction: Pattern.Instruction) throws(PatternError) {
        guard program.count < Pattern.programMax else {
            throw PatternError(message: "its repetitions grow beyond \(Pattern.programMax) steps", pattern: source)
        }
        program.append(instruction)
    }
}
