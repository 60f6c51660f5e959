//! The demo of Headwater: a small shop, rendered on the server, whose pages are watched by the agent.
//!
//! One process opens four ports:
//!
//! * the **shop** (`shop-server`): pages and JSON from SQLite, traced by itself;
//! * the **API** (`shop-api`): a second origin that the pages list in `distributedTracingOrigins`;
//! * the **other** origin: not listed, so no trace header may ever reach it;
//! * the **collector**: stores what the browser and both servers send, and shows it.
//!
//! Start reading at [`Demo`]; the way from a request to a span is [`server_span`], and how the ids of a page
//! load get into the HTML is [`page_load`].

pub mod api;
mod api_client;
mod baskets;
mod catalog;
mod database;
mod demo;
mod orders;
mod origins;
pub mod other;
pub mod page_load;
mod picture;
pub mod request_log;
pub mod server_span;
mod session;
pub mod shop;
mod telemetry;

pub use demo::{Demo, DemoConfig, Error, Port, Ports, TRACES_FILE};
pub use origins::Origins;
