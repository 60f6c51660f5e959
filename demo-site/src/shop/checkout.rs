//! Checkout: the shop asks the API for the stock, then takes the order, or fails with a 500 if the card is declined.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Form, Json};
use maud::{Markup, html};
use serde::Deserialize;

use super::layout::{Page, Visit};
use super::{Failure, Shop};
use crate::baskets::Basket;
use crate::catalog::euros;
use crate::orders::Order;
use crate::session::Session;

/// `GET /checkout`
pub(super) async fn page(State(shop): State<Arc<Shop>>, visit: Visit) -> Result<Response, Failure> {
    let basket = Basket::of(&shop.database, &visit.session)?;
    let content = html! {
        h1 { "Checkout" }
        @if basket.items.is_empty() {
            p { "There is nothing to pay for. " a href="/" { "Back to the products" } "." }
        } @else {
            div.columns {
                form.panel #checkout method="post" {
                    label for="name" { "Name" }
                    input #name name="name" value="Otter Brook" autocomplete="off" required;
                    fieldset {
                        legend { "Payment" }
                        label.choice { input type="radio" name="payment" value="card" checked; span { "A card that works" } }
                        label.choice {
                            input type="radio" name="payment" value="declined";
                            span { "A declined card " small.quiet { "(the server answers 500, on purpose)" } }
                        }
                    }
                    button { "Pay " (euros(basket.total())) }
                    p #outcome role="status" {}
                }
                aside.panel {
                    h2 { "You take" }
                    ul.plain {
                        @for item in &basket.items {
                            li { (item.quantity) " × " (item.name) span.price { (euros(item.price * item.quantity)) } }
                        }
                    }
                }
            }
        }
    };
    render(&shop, &visit, content)
}

/// `POST /checkout`, from the form without scripts.
pub(super) async fn submit(
    State(shop): State<Arc<Shop>>,
    visit: Visit,
    Form(payment): Form<Payment>,
) -> Result<Response, Failure> {
    match payment.take(&shop, &visit.session).await {
        Ok(order) => {
            let content = html! {
                h1 { "Thank you" }
                p { "Order " (order.id) " is being packed: " (euros(order.total)) ". " a href="/account/orders" { "Your orders" } }
            };
            render(&shop, &visit, content)
        }
        Err(failure) => {
            let status = failure.into_response().status();
            let content = html! {
                h1 { "That did not work" }
                p { "The server answered " (status) ". " a href="/checkout" { "Try again" } "." }
            };
            Ok((status, render(&shop, &visit, content)?).into_response())
        }
    }
}

/// `POST /api/checkout`
pub(super) async fn place(
    State(shop): State<Arc<Shop>>,
    Session(session): Session,
    Json(payment): Json<Payment>,
) -> Result<Response, Failure> {
    let order = payment.take(&shop, &session).await?;
    Ok((StatusCode::CREATED, Json(order)).into_response())
}

#[derive(Deserialize)]
pub(super) struct Payment {
    payment: String,
}

impl Payment {
    async fn take(&self, shop: &Shop, session: &str) -> Result<Order, Failure> {
        let basket = Basket::of(&shop.database, session)?;
        if basket.items.is_empty() {
            return Err(Failure::Refused("The cart is empty."));
        }
        let products = basket.items.iter().map(|item| item.product).collect::<Vec<_>>();
        let stock = shop.api.stock(&products).await?;
        let is_there = |item: &crate::baskets::Item| {
            stock.iter().any(|stock| stock.id == item.product && stock.stock >= item.quantity)
        };
        if !basket.items.iter().all(is_there) {
            return Err(Failure::Refused("There is not enough of it left."));
        }
        if self.payment == "declined" {
            return Err(Failure::Declined);
        }
        Order::place(&shop.database, session, &basket)?.ok_or(Failure::Refused("The order was not taken."))
    }
}

fn render(shop: &Shop, visit: &Visit, content: Markup) -> Result<Response, Failure> {
    let page = Page { title: "Checkout", section: "/cart", script: Some("checkout.js"), content };
    page.render(shop, visit)
}
