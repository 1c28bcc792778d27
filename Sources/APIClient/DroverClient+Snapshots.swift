/// The cluster's state as an archive.
extension DroverClient {
    /// Hands an archive of the state to `piece`, as it comes; it is complete when this returns.
    ///
    /// - Parameters:
    ///   - stale: any server may answer, also without a leader.
    ///   - redact: leave the nodes' secrets out.
    ///   - piece: called for each piece, in order.
    /// - Returns: the state's index.
    /// - Throws: ``APIError``, ``ConnectionError``, and what `piece` throws.
    @discardableResult
    public func saveSnapshot(
        stale: Bool = false, redact: Bool = false, piece: @Sendable ([UInt8]) async throws -> Void
    ) async throws -> UInt64 {
        let query = [("stale", stale), ("redact", redact)].filter(\.1).map { ($0.0, "true") }
        let headers = try await stream("/v1/operator/snapshot", query: query, piece: piece)
        return headers["x-nomad-index"].flatMap { UInt64($0) } ?? 0
    }

    /// Lets an archive's state take the place of the cluster's.
    ///
    /// - Returns: the state's index now.
    /// - Throws: ``APIError`` when it was refused, ``ConnectionError``.
    @discardableResult
    public func restoreSnapshot(_ archive: [UInt8]) async throws -> UInt64 {
        let type = [("Content-Type", "application/gzip")]
        return try await send("PUT", "/v1/operator/snapshot", headers: type, body: archive).checked().index
    }
}
