//! What each session has in its cart.

use rusqlite::params;
use serde::Serialize;

use crate::database::{Database, Statement};

/// The cart of one session, as it is in the database now.
#[derive(Debug, Serialize)]
pub(crate) struct Basket {
    pub(crate) items: Vec<Item>,
}

impl Basket {
    pub(crate) fn of(database: &Database, session: &str) -> rusqlite::Result<Self> {
        let items = database.rows(&ITEMS, [session], |row| {
            Ok(Item { product: row.get(0)?, name: row.get(1)?, price: row.get(2)?, quantity: row.get(3)? })
        })?;
        Ok(Self { items })
    }

    /// Adds to what is there already.
    pub(crate) fn add(
        database: &Database,
        session: &str,
        product: i64,
        quantity: i64,
    ) -> rusqlite::Result<()> {
        database.execute(&ADD, params![session, product, quantity.clamp(1, MAX_QUANTITY), MAX_QUANTITY])?;
        Ok(())
    }

    /// Sets the quantity of an item; none of it takes it out.
    pub(crate) fn set(
        database: &Database,
        session: &str,
        product: i64,
        quantity: i64,
    ) -> rusqlite::Result<()> {
        if quantity < 1 {
            database.execute(&REMOVE, params![session, product])?;
        } else {
            database.execute(&SET, params![session, product, quantity.min(MAX_QUANTITY)])?;
        }
        Ok(())
    }

    pub(crate) fn empty(database: &Database, session: &str) -> rusqlite::Result<()> {
        database.execute(&EMPTY, [session])?;
        Ok(())
    }

    /// How many things are in it.
    pub(crate) fn count(&self) -> i64 {
        self.items.iter().map(|item| item.quantity).sum()
    }

    /// In cents.
    pub(crate) fn total(&self) -> i64 {
        self.items.iter().map(|item| item.price * item.quantity).sum()
    }
}

/// A product in a cart.
#[derive(Debug, Serialize)]
pub(crate) struct Item {
    pub(crate) product: i64,
    pub(crate) name: String,
    pub(crate) price: i64,
    pub(crate) quantity: i64,
}

const ITEMS: Statement = Statement {
    operation: "SELECT",
    table: "basket_items",
    text: "SELECT products.id, products.name, products.price, basket_items.quantity FROM basket_items \
           JOIN products ON products.id = basket_items.product WHERE basket_items.session = ?1 ORDER BY products.id",
};

const ADD: Statement = Statement {
    operation: "INSERT",
    table: "basket_items",
    text: "INSERT INTO basket_items (session, product, quantity) SELECT ?1, id, ?3 FROM products WHERE id = ?2 \
           ON CONFLICT DO UPDATE SET quantity = min(quantity + excluded.quantity, ?4)",
};

const SET: Statement = Statement {
    operation: "UPDATE",
    table: "basket_items",
    text: "UPDATE basket_items SET quantity = ?3 WHERE session = ?1 AND product = ?2",
};

const REMOVE: Statement = Statement {
    operation: "DELETE",
    table: "basket_items",
    text: "DELETE FROM basket_items WHERE session = ?1 AND product = ?2",
};

const EMPTY: Statement = Statement {
    operation: "DELETE",
    table: "basket_items",
    text: "DELETE FROM basket_items WHERE session = ?1",
};

const MAX_QUANTITY: i64 = 99;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adding_twice_adds_up() {
        let database = Database::open(None).unwrap();
        Basket::add(&database, "me", 1, 1).unwrap();
        Basket::add(&database, "me", 1, 2).unwrap();
        let basket = Basket::of(&database, "me").unwrap();
        assert_eq!((basket.items.len(), basket.count()), (1, 3));
        assert_eq!(basket.total(), 3 * 3_490);
    }

    #[test]
    fn an_unknown_product_stays_out() {
        let database = Database::open(None).unwrap();
        Basket::add(&database, "me", 999, 1).unwrap();
        assert_eq!(Basket::of(&database, "me").unwrap().count(), 0);
    }

    #[test]
    fn none_of_it_takes_it_out() {
        let database = Database::open(None).unwrap();
        Basket::add(&database, "me", 1, 1).unwrap();
        Basket::set(&database, "me", 1, 0).unwrap();
        assert_eq!(Basket::of(&database, "me").unwrap().count(), 0);
    }
}
