//! Who is shopping: a random cookie, nothing more.

use axum::extract::{FromRequestParts, Request};
use axum::http::header::{COOKIE, HeaderValue, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator};

/// The session of a request.
#[derive(Clone, Debug)]
pub(crate) struct Session(pub(crate) String);

impl Session {
    fn of(headers: &HeaderMap) -> Option<Self> {
        headers
            .get_all(COOKIE)
            .iter()
            .filter_map(|cookies| cookies.to_str().ok())
            .flat_map(|cookies| cookies.split(';'))
            .filter_map(|cookie| cookie.trim().strip_prefix("session="))
            .find(|id| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .map(|id| Self(id.to_owned()))
    }
}

impl<S: Sync> FromRequestParts<S> for Session {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        // Missing only if a route was added outside the `establish` layer.
        let session = parts.extensions.get::<Self>();
        session.cloned().ok_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

/// Middleware: gives every visitor a session.
pub(crate) async fn establish(mut request: Request, next: Next) -> Response {
    if let Some(session) = Session::of(request.headers()) {
        request.extensions_mut().insert(session);
        return next.run(request).await;
    }

    let session = Session(random_hex());
    let cookie = format!("session={}; Path=/; HttpOnly; SameSite=Lax", session.0);
    request.extensions_mut().insert(session);
    let mut response = next.run(request).await;
    if let Ok(cookie) = HeaderValue::try_from(cookie) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

/// 128 random bits from the generator that the trace ids come from.
pub(crate) fn random_hex() -> String {
    RandomIdGenerator::default().new_trace_id().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_session_is_found_among_other_cookies() {
        let mut headers = HeaderMap::new();
        let id = "0af7651916cd43dd8448eb211c80319c";
        let cookies = format!("theme=dark; session={id}; x=y");
        headers.insert(COOKIE, HeaderValue::try_from(cookies).unwrap());
        assert_eq!(Session::of(&headers).unwrap().0, id);
    }

    #[test]
    fn a_made_up_session_is_not_taken() {
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, HeaderValue::from_static("session=' OR 1=1"));
        assert!(Session::of(&headers).is_none());
    }
}
