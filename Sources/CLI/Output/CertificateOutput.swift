internal import Basics
internal import Certificates

/// Certificates as text.
enum CertificateOutput {
    static func text(_ summary: CertificateSummary) -> String {
        var rows = [
            ("Serial Number", summary.serialNumber), ("Issuer", summary.issuer), ("Subject", summary.subject),
            ("CA", "\(summary.isAuthority)"), ("Valid From", Shown.moment(summary.validFrom)),
            ("Valid Until", Shown.moment(summary.validUntil)),
        ]
        if !summary.names.isEmpty { rows.append(("DNS Names", summary.names.joined(separator: ", "))) }
        if !summary.addresses.isEmpty { rows.append(("IP Addresses", summary.addresses.joined(separator: ", "))) }
        if !summary.nameConstraints.isEmpty {
            rows.append(("Permitted Domains", summary.nameConstraints.joined(separator: ", ")))
        }
        return Table.pairs(rows)
    }
}
