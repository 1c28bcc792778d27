import Linux
import PluginHost
import Testing

/// The file `state`, of which a reader must never take a part for the whole.
@Suite struct RecordTests {
    private static let begun = "drover-shim-state 1\nboot b\nshim 7 70\nstarted 5\nstarting\n"
    /// As shims of earlier versions wrote it: whole, and then replaced by another.
    private static func earlier(task: String) -> String {
        "drover-shim-state 1\nboot b\nshim 7 70\ntask \(task)\nstarted 5\nend\n"
    }

    @Test(arguments: [
        (text: begun, isWhole: true, task: Int32?.none),
        (begun + "task 8 80\nend\n", true, 8),
        (earlier(task: "0 0"), true, nil),
        (earlier(task: "8 80"), true, 8),
        ("", false, nil),
        ("drover-shim-state 1\nboot b\nshim 7 70\nstarted 5\n", false, nil),
        // A part that is not whole yet is as if it had not been begun.
        (begun + "task 8 80\n", true, nil),
        (begun + "task 8", true, nil),
        (begun + "task 8 80\nend\n\ncode 3\nsig", true, 8),
        (earlier(task: "8 80").replacing("state 1", with: "state 2"), false, nil),
    ])
    func aStateIsReadWholeOrNotAtAll(text: String, isWhole: Bool, task: Int32?) {
        let state = ShimState(text)
        #expect((state != nil) == isWhole)
        #expect(state?.task?.pid == task)
        if isWhole { #expect(state?.shim == ProcessIdentity(pid: 7, startTime: 70)) }
        #expect(ShimExit(state: text) == nil)
    }

    private static let started = begun + "task 8 80\nend\n"
    private static let ended = "\ncode 3\nsignal 0\noom 1\nlost 0\ntime 9\ndropped 2\nexited\n"
    private static let exit = ShimExit(code: 3, signal: 0, outOfMemory: true, lost: false, time: 9, droppedBytes: 2)

    private static let records: [(text: String, isWhole: Bool)] = [
        ("\(started)\(ended)", true),
        // After a piece of an earlier try, and where the shim died before it could say which process the task is.
        ("\(started)\ncode 7\nsig\(ended)", true), ("\(begun)\(ended)", true), ("\(begun)task 8\(ended)", true),
        ("\(started)\(ended.dropLast(7))", false), ("\(started)\(ended.dropLast(2))", false),
    ]

    @Test(arguments: records)
    func anExitIsReadWholeOrNotAtAll(text: String, isWhole: Bool) {
        #expect(ShimExit(state: text) == (isWhole ? RecordTests.exit : nil))
        #expect(ShimState(text)?.shim.pid == 7)
    }

    @Test func anExitOfAnEarlierShimIsReadFromItsOwnFile() {
        let text = "drover-shim-exit 1\ncode 3\nsignal 0\noom 1\nlost 0\ntime 9\ndropped 2\nend\n"
        #expect(ShimExit(earlier: text) == RecordTests.exit)
        #expect(ShimExit(earlier: String(text.dropLast(4))) == nil)
    }
}
