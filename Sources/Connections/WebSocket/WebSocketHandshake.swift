internal import Basics
internal import Crypto

/// How a connection of HTTP/1.1 becomes one of WebSocket (RFC 6455 §4).
package enum WebSocketHandshake {
    /// What a server answers to a client's `Sec-WebSocket-Key`.
    package static func accept(_ key: String) -> String {
        let digest = Insecure.SHA1.hash(data: Array((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").utf8))
        return Base64.encode(Array(digest))
    }

    /// Why a request is no handshake that can be answered; nil when it is one. Names of headers in lower case.
    package static func refusal(of header: (String) -> String?) -> String? {
        guard header("upgrade")?.lowercased() == "websocket",
            header("connection")?.lowercased().contains("upgrade") == true
        else { return "this path speaks WebSocket: send \"Connection: Upgrade\" and \"Upgrade: websocket\"" }
        guard header("sec-websocket-version") == "13" else { return "Sec-WebSocket-Version must be 13" }
        guard let key = header("sec-websocket-key"), Base64.decode(key)?.count == 16 else {
            return "Sec-WebSocket-Key must be 16 bytes in base64"
        }
        return nil
    }
}
