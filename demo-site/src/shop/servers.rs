//! What the servers saw: the request logs of the three origins side by side.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};

use super::layout::{Page, Visit};
use super::{Failure, Shop};
use crate::request_log::{LOG_PATH, LoggedRequest, RequestLog};

/// `GET /servers`
pub(super) async fn page(State(shop): State<Arc<Shop>>, visit: Visit) -> Result<Response, Failure> {
    let content = html! {
        div.heading {
            h1 { "What the servers saw" }
            form.actions method="post" action="/servers/empty" {
                a.button href="/servers" { "Refresh" }
                button.second { "Empty the logs" }
            }
        }
        p.lead { "The latest requests at each origin, newest first, with the trace headers that the browser sent along." }
        @for (log, role) in shop.logs.iter().zip(ROLES) { (table(log, role)) }
    };
    let page = Page { title: "What the servers saw", section: "/servers", script: None, content };
    page.render(&shop, &visit)
}

/// `POST /servers/empty`
pub(super) async fn empty(State(shop): State<Arc<Shop>>) -> Response {
    for log in &shop.logs {
        log.clear();
    }
    Redirect::to("/servers").into_response()
}

fn table(log: &RequestLog, (name, role): (&str, &str)) -> Markup {
    let requests = log.latest();
    let requests = requests.iter().rev().filter(|request| !is_file(request));
    let requests = requests.take(ROWS).collect::<Vec<_>>();
    html! {
        section.panel.saw {
            h2 { (name) " " code { (log.origin()) } }
            p.quiet { (role) " " a href={ (log.origin()) (LOG_PATH) } { "The whole log" } "." }
            @if requests.is_empty() {
                p { "Nothing yet." }
            } @else {
                // It scrolls sideways in a narrow window, so a keyboard must reach it.
                div.scroll tabindex="0" role="region" aria-label={ "Requests at " (name) } {
                    table {
                        thead { tr {
                            th scope="col" { "Request" } th scope="col" { "traceparent" } th scope="col" { "tracestate" }
                        } }
                        tbody {
                            @for request in requests { (row(request)) }
                        }
                    }
                }
            }
        }
    }
}

fn row(request: &LoggedRequest) -> Markup {
    let header = |name: &str| request.headers.get(name);
    html! {
        tr {
            td { span.method { (request.method) } " " (request.path) }
            td {
                @match (header("traceparent"), header("access-control-request-headers")) {
                    (Some(value), _) => code { (value) },
                    (None, Some(asked)) => span.quiet { "asks for: " (asked) },
                    (None, None) => span.none { "none" },
                }
            }
            td {
                @match header("tracestate") {
                    Some(value) => code { (value) },
                    None => span.none { "none" },
                }
            }
        }
    }
}

/// Scripts, styles and pictures would only hide what matters; the whole log has them.
fn is_file(request: &LoggedRequest) -> bool {
    ["/assets/", "/vendor/", "/headwater", "/favicon"].iter().any(|prefix| request.path.starts_with(prefix))
}

const ROLES: [(&str, &str); 3] = [
    ("The shop", "The pages' own origin: every fetch and XHR carries a traceparent, a navigation cannot."),
    ("The API", "Another origin, listed in distributedTracingOrigins: it gets them too, after a preflight."),
    ("The other origin", "Not listed: no trace header may ever arrive here."),
];

const ROWS: usize = 15;
