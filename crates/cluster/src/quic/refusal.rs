//! What a failed connection means to the caller. Nothing was sent on it: surely not done.

use super::codes;
use crate::wire::CallRefusal;
use quinn::{ConnectionError, TransportErrorCode};
use rustls::AlertDescription;

/// Alerts about certificates; the others are about the protocol.
const ABOUT_CERTIFICATES: [AlertDescription; 10] = [
    AlertDescription::NoCertificate,
    AlertDescription::BadCertificate,
    AlertDescription::UnsupportedCertificate,
    AlertDescription::CertificateRevoked,
    AlertDescription::CertificateExpired,
    AlertDescription::CertificateUnknown,
    AlertDescription::UnknownCA,
    AlertDescription::AccessDenied,
    AlertDescription::DecryptError,
    AlertDescription::CertificateRequired,
];

/// TLS alerts are transport errors from here on, by the alert's number.
const ALERTS: u64 = 0x100;

fn certificate_alert(code: TransportErrorCode) -> Option<AlertDescription> {
    let alert = u64::from(code).checked_sub(ALERTS)?;
    let alert = AlertDescription::from(u8::try_from(alert).ok()?);
    ABOUT_CERTIFICATES.contains(&alert).then_some(alert)
}

/// Why there is no connection to `address`, where `expected` was to answer.
pub(super) fn refusal(error: &ConnectionError, address: &str, expected: &str) -> CallRefusal {
    match error {
        // This process refuses the other.
        ConnectionError::TransportError(e) if certificate_alert(e.code).is_some() => {
            CallRefusal::Unauthorised(format!(
                "{address} does not prove to be {expected} of this cluster ({})",
                e.reason
            ))
        }
        // The other refuses this process.
        ConnectionError::ConnectionClosed(close) => match certificate_alert(close.error_code) {
            Some(alert) => CallRefusal::Unauthorised(format!(
                "{address} refuses this process's certificate ({alert:?}): it takes those of its cluster's authority"
            )),
            None => CallRefusal::NotDone(format!("{address} closed the connection: {close}")),
        },
        ConnectionError::ApplicationClosed(close) if close.error_code == codes::UNAUTHORISED => {
            let why = String::from_utf8_lossy(&close.reason);
            CallRefusal::Unauthorised(format!("{address} refuses this process's certificate: {why}"))
        }
        ConnectionError::ApplicationClosed(close) if close.error_code == codes::BUSY => {
            CallRefusal::NotDone(format!("{address} has too many connections"))
        }
        other => CallRefusal::NotDone(format!("no connection to {address}: {other}")),
    }
}
