//! What happened on the page, as the hooks report it, turned into spans.

pub mod activity;
pub mod error;
pub mod page_load;
pub mod request;
pub mod route;
pub mod session;
#[cfg(feature = "vitals")]
pub mod vitals;
