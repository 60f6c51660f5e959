//! What happened on the page, as the hooks report it, turned into spans.

pub mod activity;
pub mod error;
#[cfg(feature = "elastic")]
pub mod experience;
pub mod page_load;
pub mod request;
pub mod route;
pub mod session;
#[cfg(feature = "vitals")]
pub mod vitals;
