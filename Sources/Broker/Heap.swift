/// A binary heap: the element that `precedes` all others is on top. O(log n) in and out.
struct Heap<Element> {
    private var elements: [Element] = []
    private let precedes: @Sendable (Element, Element) -> Bool

    init(by precedes: @escaping @Sendable (Element, Element) -> Bool) { self.precedes = precedes }

    var count: Int { elements.count }
    var isEmpty: Bool { elements.isEmpty }
    var first: Element? { elements.first }

    mutating func insert(_ element: Element) {
        elements.append(element)
        var child = elements.count - 1
        while child > 0, precedes(elements[child], elements[(child - 1) / 2]) {
            elements.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func removeFirst() -> Element? {
        guard let top = elements.first else { return nil }
        let last = elements.removeLast()
        guard !elements.isEmpty else { return top }
        elements[0] = last
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2]
            where child < elements.count && precedes(elements[child], elements[least]) {
                least = child
            }
            guard least != parent else { return top }
            elements.swapAt(parent, least)
            parent = least
        }
    }

    /// Takes out and returns what `matches`, keeping the heap's order. O(n).
    mutating func removeAll(where matches: (Element) -> Bool) -> [Element] {
        let removed = elements.filter(matches)
        guard !removed.isEmpty else { return [] }
        let kept = elements.filter { !matches($0) }
        elements = []
        for element in kept { insert(element) }
        return removed
    }
}

extension Heap: Sendable where Element: Sendable {}
