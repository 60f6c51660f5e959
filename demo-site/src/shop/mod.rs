//! The shop: pages rendered on the server, and the JSON that their scripts ask for.
//!
//! One file for each page, with the endpoints that only this page uses.

use std::path::PathBuf;
use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router, middleware};
use serde_json::json;

use crate::api_client::{ApiClient, ApiError};
use crate::database::Database;
use crate::origins::Origins;
use crate::request_log::{self, LOG_PATH, RequestLog};
use crate::server_span::{self, ServerSpans};
use crate::session;

mod account;
mod assets;
mod cart;
mod checkout;
mod home;
mod layout;
mod product;
mod servers;
mod trouble;

/// What every handler of the shop may need.
pub(crate) struct Shop {
    pub(crate) origins: Origins,
    pub(crate) database: Arc<Database>,
    pub(crate) api: ApiClient,
    /// The workspace root, below which the scripts and styles lie.
    pub(crate) root: PathBuf,
    /// The logs of the shop, the API and the other origin.
    pub(crate) logs: [Arc<RequestLog>; 3],
}

impl Shop {
    pub(crate) fn router(self, spans: ServerSpans) -> Router {
        let [log, ..] = self.logs.clone();
        let shop = Arc::new(self);
        let traced = Router::new()
            .route("/", get(home::page))
            .route("/product/{id}", get(product::page))
            .route("/cart", get(cart::page).post(cart::submit))
            .route("/checkout", get(checkout::page).post(checkout::submit))
            .route("/account", get(account::page))
            .route("/account/{*section}", get(account::page))
            .route("/trouble", get(trouble::page))
            .route("/servers", get(servers::page))
            .route("/servers/empty", post(servers::empty))
            .route("/api/search", get(home::search))
            .route("/api/newsletter", post(home::newsletter))
            .route("/api/recommendations/{id}", get(product::recommendations))
            .route("/api/cart", get(cart::read).post(cart::add))
            .route("/api/cart/{id}", put(cart::set))
            .route("/api/checkout", post(checkout::place))
            .route("/api/account", get(account::overview))
            .route("/api/orders", get(account::orders))
            .route("/api/orders/{id}", get(account::order))
            .route("/api/settings", get(account::settings).put(account::save_settings))
            .route("/api/trouble/500", get(trouble::broken).post(trouble::broken))
            .route("/api/trouble/404", get(trouble::missing))
            .route("/api/trouble/slow", get(trouble::slow))
            .route("/api/trouble/stream", get(trouble::stream))
            .route("/api/trouble/broken-json", get(trouble::broken_json))
            .route("/api/trouble/echo", get(trouble::echo))
            .fallback(layout::not_found)
            .layer(middleware::from_fn(session::establish))
            .layer(middleware::from_fn_with_state(spans, server_span::trace));

        // Files make no spans of their own: the browser's view of them is enough.
        let files = Router::new()
            .route("/headwater.min.js", get(assets::agent))
            .route("/vendor/axios.min.js", get(assets::axios))
            .route("/favicon.ico", get(assets::favicon))
            .route("/assets/account.js", get(assets::account))
            .route("/assets/{name}", get(assets::file))
            .route("/assets/products/{name}", get(assets::picture));

        traced
            .merge(files)
            .with_state(shop)
            .route(LOG_PATH, log.routes())
            .layer(middleware::from_fn_with_state(log, request_log::record))
    }
}

/// Why a request was not answered as hoped.
#[derive(Debug)]
pub(crate) enum Failure {
    /// What was asked for does not exist.
    NotFound(&'static str),
    /// The request does not make sense, and why.
    Refused(&'static str),
    /// The payment was declined: the demo's own way to a 500.
    Declined,
    /// The other server did not answer.
    Api(ApiError),
    /// The database failed.
    Database(rusqlite::Error),
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let (status, message) = match self {
            Self::NotFound(message) => (StatusCode::NOT_FOUND, message.to_owned()),
            Self::Refused(message) => (StatusCode::UNPROCESSABLE_ENTITY, message.to_owned()),
            Self::Declined => {
                tracing::error!("the payment provider declined the card");
                let message = "The payment provider declined the card.";
                (StatusCode::INTERNAL_SERVER_ERROR, message.to_owned())
            }
            Self::Api(error) => {
                tracing::error!(%error, "the API did not answer");
                (StatusCode::BAD_GATEWAY, format!("The API did not answer: {error}"))
            }
            Self::Database(error) => {
                tracing::error!(%error, "the database failed");
                let message = "The shop's database failed.";
                (StatusCode::INTERNAL_SERVER_ERROR, message.to_owned())
            }
        };
        (status, Json(json!({ "error": message }))).into_response()
    }
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        Self::Api(error)
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}
