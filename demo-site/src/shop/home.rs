//! The product list, its search (fetch), stock badges (fetch to the API) and the newsletter (XHR).

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::json;

use super::layout::{Page, Visit};
use super::{Failure, Shop};
use crate::catalog::{Product, euros};

/// `GET /`
pub(super) async fn page(
    State(shop): State<Arc<Shop>>,
    Query(query): Query<Search>,
    visit: Visit,
) -> Result<Response, Failure> {
    let products = query.products(&shop)?;
    let content = html! {
        section.hero {
            div {
                h1 { "Gear for where the water starts" }
                p { "Bottles, boats and dry socks. Every click here becomes a trace: look at the bottom of each page." }
            }
            (waves())
        }
        form.search #search role="search" action="/" {
            label for="q" { "Search the shop" }
            input #q type="search" name="q" value=(query.q) placeholder="bottle, wear, 10 l …" autocomplete="off";
            button { "Search" }
            span.quiet #found role="status" { (products.len()) " products" }
        }
        ul.products #products {
            @for product in &products { (card(product)) }
        }
        form.newsletter #newsletter {
            div {
                h2 { "Letters from the river" }
                p.quiet role="status" { "Four a year, none of them long." }
            }
            label for="email" { "E-mail" }
            input #email type="email" name="email" value="otter@example.com" required;
            button { "Subscribe" }
        }
    };
    let page = Page { title: "Products", section: "/", script: Some("home.js"), content };
    page.render(&shop, &visit)
}

/// `GET /api/search?q=…`
pub(super) async fn search(
    State(shop): State<Arc<Shop>>,
    Query(query): Query<Search>,
) -> Result<Response, Failure> {
    Ok(Json(query.products(&shop)?).into_response())
}

#[derive(Deserialize)]
pub(super) struct Search {
    #[serde(default)]
    q: String,
}

impl Search {
    fn products(&self, shop: &Shop) -> rusqlite::Result<Vec<Product>> {
        match self.q.trim() {
            "" => Product::all(&shop.database),
            text => Product::search(&shop.database, text),
        }
    }
}

/// `POST /api/newsletter`
pub(super) async fn newsletter(Json(letter): Json<Newsletter>) -> Result<Response, Failure> {
    if !letter.email.contains('@') {
        return Err(Failure::Refused("That is not an e-mail address."));
    }
    // The demo keeps no addresses.
    let thanks = json!({ "message": "Thank you. The first letter leaves in spring." });
    Ok((StatusCode::ACCEPTED, Json(thanks)).into_response())
}

#[derive(Deserialize)]
pub(super) struct Newsletter {
    email: String,
}

/// A product in a list.
pub(super) fn card(product: &Product) -> Markup {
    html! {
        li.card data-product=(product.id) {
            a href={ "/product/" (product.id) } {
                img src={ "/assets/products/" (product.id) ".svg" } alt="" width="320" height="240";
                h3 { (product.name) }
            }
            p.quiet { (product.summary) }
            p.line { span.price { (euros(product.price)) } span.badge data-stock {} }
        }
    }
}

fn waves() -> Markup {
    html! {
        svg.waves viewBox="0 0 240 120" aria-hidden="true" preserveAspectRatio="none" {
            path d="M0 50c40-30 80-30 120 0s80 30 120 0v70H0z" {}
            path d="M0 70c40-30 80-30 120 0s80 30 120 0v50H0z" {}
            path d="M0 92c40-26 80-26 120 0s80 26 120 0v28H0z" {}
        }
    }
}
