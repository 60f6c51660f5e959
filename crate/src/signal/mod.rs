//! What happened on the page, as the hooks report it, turned into spans.

pub mod activity;
pub mod error;
#[cfg(feature = "elastic")]
pub mod experience;
#[cfg(feature = "graphql")]
pub mod graphql;
pub mod page_load;
#[cfg(feature = "events")]
pub mod report;
pub mod request;
pub mod route;
pub mod session;
#[cfg(feature = "timing")]
pub mod timing;
#[cfg(feature = "vitals")]
pub mod vitals;
