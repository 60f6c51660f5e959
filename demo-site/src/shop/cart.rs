//! The cart: quantities by XHR, the shipping estimate by axios; forms do the same without scripts.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Form, Json};
use maud::html;
use serde::Deserialize;
use serde_json::json;

use super::layout::{Page, Visit};
use super::{Failure, Shop};
use crate::baskets::Basket;
use crate::catalog::euros;
use crate::session::Session;

/// `GET /cart`
pub(super) async fn page(State(shop): State<Arc<Shop>>, visit: Visit) -> Result<Response, Failure> {
    let basket = Basket::of(&shop.database, &visit.session)?;
    let content = html! {
        h1 { "Your cart" }
        @if basket.items.is_empty() {
            p #empty { "It is empty. " a href="/product/1" { "A filter bottle" } " would be a start." }
        } @else {
            ul.items #items {
                @for item in &basket.items {
                    li data-product=(item.product) {
                        img src={ "/assets/products/" (item.product) ".svg" } alt="" width="96" height="72";
                        a href={ "/product/" (item.product) } { (item.name) }
                        label {
                            span.hidden { "Quantity of " (item.name) }
                            input type="number" name="quantity" value=(item.quantity) min="0" max="99";
                        }
                        span.price data-line { (euros(item.price * item.quantity)) }
                    }
                }
            }
            dl.totals {
                div { dt { "Goods" } dd #total data-cents=(basket.total()) { (euros(basket.total())) } }
                div { dt { "Shipping" } dd #shipping { "…" } }
            }
            p.actions { a.button href="/checkout" { "Go to checkout" } }
        }
    };
    let page = Page { title: "Cart", section: "/cart", script: Some("cart.js"), content };
    page.render(&shop, &visit)
}

/// `POST /cart`, from the form of a product page without scripts.
pub(super) async fn submit(
    State(shop): State<Arc<Shop>>,
    Session(session): Session,
    Form(addition): Form<Addition>,
) -> Result<Response, Failure> {
    Basket::add(&shop.database, &session, addition.product, addition.quantity)?;
    Ok(Redirect::to("/cart").into_response())
}

/// `POST /api/cart`
pub(super) async fn add(
    State(shop): State<Arc<Shop>>,
    Session(session): Session,
    Json(addition): Json<Addition>,
) -> Result<Response, Failure> {
    Basket::add(&shop.database, &session, addition.product, addition.quantity)?;
    contents(&shop, &session)
}

#[derive(Deserialize)]
pub(super) struct Addition {
    product: i64,
    quantity: i64,
}

/// `GET /api/cart`
pub(super) async fn read(
    State(shop): State<Arc<Shop>>,
    Session(session): Session,
) -> Result<Response, Failure> {
    contents(&shop, &session)
}

/// `PUT /api/cart/{id}`
pub(super) async fn set(
    State(shop): State<Arc<Shop>>,
    Session(session): Session,
    Path(product): Path<i64>,
    Json(change): Json<Change>,
) -> Result<Response, Failure> {
    Basket::set(&shop.database, &session, product, change.quantity)?;
    contents(&shop, &session)
}

#[derive(Deserialize)]
pub(super) struct Change {
    quantity: i64,
}

fn contents(shop: &Shop, session: &str) -> Result<Response, Failure> {
    let basket = Basket::of(&shop.database, session)?;
    let contents = json!({
        "count": basket.count(),
        "total": basket.total(),
        "items": basket.items,
    });
    Ok(Json(contents).into_response())
}
