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
        (begun + "task 8 80\n", false, nil),
        (begun + "task 8", false, nil),
        (earlier(task: "8 80").replacing("state 1", with: "state 2"), false, nil),
    ])
    func aStateIsReadWholeOrNotAtAll(text: String, isWhole: Bool, task: Int32?) {
        let state = ShimState(text)
        #expect((state != nil) == isWhole)
        #expect(state?.task?.pid == task)
        if isWhole { #expect(state?.shim == ProcessIdentity(pid: 7, startTime: 70)) }
    }
}
