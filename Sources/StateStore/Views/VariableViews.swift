import Basics
import Model

extension Snapshot {
    /// `/v1/vars`: VariableMetadata objects by namespace and path.
    package func listVariables(_ request: ListRequest) throws -> ListPage {
        let isAll = request.namespace == "*"
        var records: [VariableMetadata] = []
        let start = VariableKey(namespace: isAll ? "" : request.namespace, path: isAll ? "" : request.prefix)
        state.variables.scan(from: start) { key, record in
            guard request.includes(namespace: key.namespace) else { return false }
            let isWanted = key.path.hasPrefix(request.prefix)
            if isWanted { records.append(record.metadata) }
            return isAll || isWanted
        }
        if request.reverse { records.reverse() }
        var page = PageCollector(request)
        var isSkipping = !request.nextToken.isEmpty
        for record in records {
            let token = "\(record.namespace).\(record.path)"
            if isSkipping, token != request.nextToken { continue }
            isSkipping = false
            guard try page.offer(token: token, { record.write(to: &$0) }) else { break }
        }
        return page.finish()
    }
}
