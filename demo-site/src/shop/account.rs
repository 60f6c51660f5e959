//! The account: one page for every path below `/account`, routed in the browser by `app/account.js`.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use maud::html;
use serde_json::json;

use super::layout::{Page, Visit};
use super::{Failure, Shop};
use crate::orders::{Order, Settings};
use crate::session::Session;

/// `GET /account` and everything below it
pub(super) async fn page(State(shop): State<Arc<Shop>>, visit: Visit) -> Result<Response, Failure> {
    let page = Page {
        title: "Account",
        section: "/account",
        script: Some("account.js"),
        content: html! {
            nav.tabs aria-label="Account" {
                a href="/account" { "Overview" }
                a href="/account/orders" { "Orders" }
                a href="/account/settings" { "Settings" }
            }
            div #app {
                h1 { "Account" }
                p { "This part is an app that runs in the browser. If you still read this, build it: " code { "npm run build" } }
            }
        },
    };
    page.render(&shop, &visit)
}

/// `GET /api/account`
pub(super) async fn overview(
    State(shop): State<Arc<Shop>>,
    Session(session): Session,
) -> Result<Response, Failure> {
    let settings = Settings::of(&shop.database, &session)?;
    let orders = Order::all(&shop.database, &session)?;
    let spent = orders.iter().map(|order| order.total).sum::<i64>();
    let overview = json!({ "name": settings.name, "orders": orders.len(), "spent": spent });
    Ok(Json(overview).into_response())
}

/// `GET /api/orders`
pub(super) async fn orders(
    State(shop): State<Arc<Shop>>,
    Session(session): Session,
) -> Result<Response, Failure> {
    Ok(Json(Order::all(&shop.database, &session)?).into_response())
}

/// `GET /api/orders/{id}`
pub(super) async fn order(
    State(shop): State<Arc<Shop>>,
    Session(session): Session,
    Path(id): Path<i64>,
) -> Result<Response, Failure> {
    let order =
        Order::find(&shop.database, &session, id)?.ok_or(Failure::NotFound("There is no such order."))?;
    let items = order.items(&shop.database)?;
    Ok(Json(json!({ "order": order, "items": items })).into_response())
}

/// `GET /api/settings`
pub(super) async fn settings(
    State(shop): State<Arc<Shop>>,
    Session(session): Session,
) -> Result<Response, Failure> {
    Ok(Json(Settings::of(&shop.database, &session)?).into_response())
}

/// `PUT /api/settings`
pub(super) async fn save_settings(
    State(shop): State<Arc<Shop>>,
    Session(session): Session,
    Json(settings): Json<Settings>,
) -> Result<Response, Failure> {
    settings.save(&shop.database, &session)?;
    Ok(Json(Settings::of(&shop.database, &session)?).into_response())
}
