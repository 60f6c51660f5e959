//! A product, its reviews (XHR to the API), slow recommendations (axios) and the way into the cart (fetch).

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use maud::html;

use super::layout::{self, Page, Visit};
use super::{Failure, Shop};
use crate::catalog::{Product, euros};

/// `GET /product/{id}`
pub(super) async fn page(
    State(shop): State<Arc<Shop>>,
    Path(id): Path<String>,
    visit: Visit,
) -> Result<Response, Failure> {
    let product = match id.parse() {
        Ok(id) => Product::find(&shop.database, id)?,
        Err(_) => None,
    };
    let Some(product) = product else {
        return Ok(layout::not_found(State(shop), visit).await);
    };

    let content = html! {
        p.quiet { a href="/" { "Products" } " / " (product.category) }
        article.product data-product=(product.id) {
            img src={ "/assets/products/" (product.id) ".svg" } alt={ "Drawing: " (product.name) } width="640" height="480";
            div {
                h1 { (product.name) }
                p.price { (euros(product.price)) }
                p { (product.description) }
                form #add action="/cart" method="post" {
                    input type="hidden" name="product" value=(product.id);
                    label for="quantity" { "Quantity" }
                    input #quantity type="number" name="quantity" value="1" min="1" max="9";
                    button disabled[product.stock == 0] {
                        @if product.stock == 0 { "Sold out" } @else { "Add to cart" }
                    }
                }
            }
        }
        section.reviews aria-labelledby="reviews-title" {
            h2 #reviews-title { "Reviews" }
            div #reviews aria-busy="true" { p.quiet { "Asking the second origin …" } }
        }
        section aria-labelledby="recommendations-title" {
            h2 #recommendations-title { "Goes well with it" }
            ul.products.three #recommendations aria-busy="true" { li.quiet { "This takes 800 ms, on purpose …" } }
        }
    };
    let page = Page { title: &product.name, section: "/", script: Some("product.js"), content };
    page.render(&shop, &visit)
}

/// `GET /api/recommendations/{id}`: slow, as if something had to be thought about.
pub(super) async fn recommendations(
    State(shop): State<Arc<Shop>>,
    Path(id): Path<i64>,
) -> Result<Response, Failure> {
    tokio::time::sleep(Duration::from_millis(800)).await;
    Ok(Json(Product::recommended(&shop.database, id)?).into_response())
}
