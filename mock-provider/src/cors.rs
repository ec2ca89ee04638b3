//! What browsers ask for before they let a page talk to the provider.

use crate::request::Request;
use crate::wire::Head;

const ALLOWED: &str = "authorization, content-type, api-key, x-request-id";
const EXPOSED: &str = "x-request-id, retry-after, retry-after-ms, x-ratelimit-limit-requests, \
    x-ratelimit-remaining-requests, x-ratelimit-reset-requests, x-should-retry";

/// The headers of every answer. Unless `exposed`, pages cannot read limits and request ids.
pub(crate) fn answer_headers(exposed: bool) -> Vec<(String, String)> {
    let mut headers = vec![("access-control-allow-origin".into(), "*".into())];
    if exposed {
        headers.push(("access-control-expose-headers".into(), EXPOSED.into()));
    }
    headers
}

/// The answer to a preflight: any header that it asks for is allowed.
pub(crate) fn preflight(request: &Request) -> Head {
    let asked = request.header("access-control-request-headers").unwrap_or_default();
    let allowed = if asked.is_empty() { ALLOWED.into() } else { format!("{ALLOWED}, {asked}") };
    Head::new(204)
        .set_all(&answer_headers(true))
        .set("access-control-allow-methods", "GET, POST, DELETE, OPTIONS")
        .set("access-control-allow-headers", allowed)
        .set("access-control-max-age", "600")
}
