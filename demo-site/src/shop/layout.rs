//! What all pages share: head, agent, navigation, footer, and the headers they are sent with.

use std::sync::Arc;

use axum::extract::{FromRequestParts, MatchedPath, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde_json::json;

use super::{Failure, Shop};
use crate::baskets::Basket;
use crate::page_load::{Ids, PageLoad};
use crate::session::{Session, random_hex};

/// Who asks for a page, and in which trace.
pub(super) struct Visit {
    pub(super) session: String,
    page_load: PageLoad,
    ids: Ids,
}

impl<S: Sync> FromRequestParts<S> for Visit {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let Session(session) = Session::from_request_parts(parts, state).await?;
        // Missing only if a page was routed outside the `trace` layer.
        let page_load = parts.extensions.get::<PageLoad>();
        let route = parts.extensions.get::<MatchedPath>();
        Ok(Self {
            session,
            page_load: page_load.cloned().ok_or(StatusCode::INTERNAL_SERVER_ERROR)?,
            ids: Ids::of(route.map_or("", |route| route.as_str())),
        })
    }
}

/// One page, before its surroundings.
pub(super) struct Page<'a> {
    pub(super) title: &'a str,
    /// The path of the navigation entry to highlight.
    pub(super) section: &'a str,
    /// The page's own module in `static/`, which may use axios.
    pub(super) script: Option<&'a str>,
    pub(super) content: Markup,
}

impl Page<'_> {
    /// The page as an answer.
    pub(super) fn render(self, shop: &Shop, visit: &Visit) -> Result<Response, Failure> {
        let basket = Basket::of(&shop.database, &visit.session)?;
        let nonce = random_hex();
        let body = self.document(shop, visit, &nonce, basket.count());
        let headers = [
            (CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
            (CACHE_CONTROL, "no-store".to_owned()),
            (REFERRER_POLICY, "strict-origin-when-cross-origin".to_owned()),
            (CONTENT_SECURITY_POLICY, content_security_policy(shop, &nonce)),
        ];
        Ok((headers, body.into_string()).into_response())
    }

    fn document(&self, shop: &Shop, visit: &Visit, nonce: &str, in_basket: i64) -> Markup {
        let origins = &shop.origins;
        let is_app = self.section == "/account";
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (self.title) " · Spring & Stream" }
                    @if visit.ids == Ids::Meta {
                        meta name="traceparent" content=(visit.page_load.traceparent());
                    }
                    // The agent comes first, so that it sees everything after it. The app brings its own.
                    @if !is_app {
                        script src="/headwater.min.js" {}
                        script nonce=(nonce) { (PreEscaped(agent_start(shop, visit))) }
                    }
                    link rel="icon" href="/assets/favicon.svg" type="image/svg+xml";
                    link rel="stylesheet" href="/assets/shop.css";
                    @if let Some(script) = self.script {
                        @if !is_app { script src="/vendor/axios.min.js" defer {} }
                        script type="module" src={ "/assets/" (script) } {}
                    }
                }
                body data-api=(origins.api) data-other=(origins.other) data-collector=(origins.collector)
                    data-refusing=(origins.refusing) data-version=(env!("CARGO_PKG_VERSION")) {
                    a.skip href="#main" { "Skip to the content" }
                    header.top {
                        div.wide {
                            a.brand href="/" { (logo()) span { "Spring & Stream" } }
                            nav aria-label="Main" {
                                @for (path, name) in SECTIONS {
                                    a href=(path) aria-current=[(path == self.section).then_some("page")] { (name) }
                                }
                            }
                            a.basket href="/cart" aria-current=[(self.section == "/cart").then_some("page")] {
                                "Cart " span #basket-count data-count=(in_basket) { (in_basket) }
                            }
                        }
                    }
                    main #main.wide { (self.content) }
                    section #wire.wide aria-labelledby="wire-title" hidden {
                        h2 #wire-title { "What this page asked for" }
                        ol aria-live="polite" {}
                    }
                    (footer(shop, visit))
                }
            }
        }
    }
}

/// The answer to a path that leads nowhere.
pub(super) async fn not_found(State(shop): State<Arc<Shop>>, visit: Visit) -> Response {
    let page = Page {
        title: "Not here",
        section: "",
        script: None,
        content: html! {
            h1 { "This stream runs dry" }
            p { "There is no such page. " a href="/" { "Back to the products" } "." }
        },
    };
    match page.render(&shop, &visit) {
        Ok(response) => (StatusCode::NOT_FOUND, response).into_response(),
        Err(failure) => failure.into_response(),
    }
}

/// The inline script that starts the agent.
///
/// Optional chaining only because a demo should run before its agent is built; your page can call `initApm` as it is.
fn agent_start(shop: &Shop, visit: &Visit) -> String {
    let mut options = vec![
        ("serviceName", json!("shop-web")),
        ("serviceVersion", json!(env!("CARGO_PKG_VERSION"))),
        ("environment", json!("demo")),
        ("serverUrl", json!(shop.origins.collector)),
        ("distributedTracingOrigins", json!([shop.origins.api])),
        ("propagateTracestate", json!(true)),
        // The viewer is to show at once what the page does; yours has time.
        ("flushInterval", json!(500)),
    ];
    if visit.ids == Ids::Options {
        options.extend(visit.page_load.options());
    }
    let lines = options.iter().map(|(name, value)| format!("  {name}: {value},\n")).collect::<String>();
    // `<` would be the one way out of a script element.
    format!("window.initApm?.({{\n{lines}}})").replace('<', "\\u003c")
}

/// A policy to copy: what the agent needs is `'wasm-unsafe-eval'` for its Wasm, a nonce for the inline start (none, if
/// `data-*` attributes start it), and the collector in `connect-src`.
fn content_security_policy(shop: &Shop, nonce: &str) -> String {
    let origins = &shop.origins;
    [
        "default-src 'self'".to_owned(),
        format!("script-src 'self' 'wasm-unsafe-eval' 'nonce-{nonce}'"),
        format!(
            "connect-src 'self' {} {} {} {}",
            origins.api, origins.other, origins.collector, origins.refusing
        ),
        "img-src 'self' data:".to_owned(),
        "object-src 'none'".to_owned(),
        "base-uri 'none'".to_owned(),
        "form-action 'self'".to_owned(),
        "frame-ancestors 'none'".to_owned(),
    ]
    .join("; ")
}

fn footer(shop: &Shop, visit: &Visit) -> Markup {
    let viewer = &shop.origins.collector;
    let trace_id = visit.page_load.trace_id();
    html! {
        footer {
            div.wide {
                p {
                    a.strong href={ (viewer) "/#/trace/" (trace_id) } { "See the trace of this page load" }
                    code { (trace_id) }
                }
                p.quiet {
                    @match visit.ids {
                        Ids::Options => "The server wrote its ids into the agent's options: the server hangs under the browser. ",
                        Ids::Meta => "The server wrote its ids into a meta tag: the browser hangs under the server. ",
                    }
                    a href=(viewer) { "All traces of this shop" }
                    " · "
                    a href="/servers" { "What the servers saw" }
                }
            }
        }
    }
}

fn logo() -> Markup {
    html! {
        svg viewBox="0 0 32 32" width="28" height="28" aria-hidden="true" {
            path d="M16 2c5 7 9 11 9 17a9 9 0 0 1-18 0c0-6 4-10 9-17z" fill="currentColor" {}
            path d="M10 20c2-2 4-2 6 0s4 2 6 0" fill="none" stroke="var(--ground)" stroke-width="2.4" stroke-linecap="round" {}
        }
    }
}

const SECTIONS: [(&str, &str); 4] =
    [("/", "Products"), ("/account", "Account"), ("/trouble", "Trouble"), ("/servers", "Servers")];
