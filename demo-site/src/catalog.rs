//! The products and what people say about them.

use rusqlite::{Connection, Row, params};
use serde::Serialize;

use crate::database::{Database, Statement};

/// A product of the shop.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Product {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) category: String,
    /// In cents.
    pub(crate) price: i64,
    pub(crate) stock: i64,
    pub(crate) summary: String,
    pub(crate) description: String,
}

impl Product {
    pub(crate) fn all(database: &Database) -> rusqlite::Result<Vec<Self>> {
        database.rows(&ALL, [], Self::read)
    }

    pub(crate) fn find(database: &Database, id: i64) -> rusqlite::Result<Option<Self>> {
        database.row(&ONE, [id], Self::read)
    }

    /// Products with `text` in name, category or summary.
    pub(crate) fn search(database: &Database, text: &str) -> rusqlite::Result<Vec<Self>> {
        database.rows(&SEARCH, [text], Self::read)
    }

    /// A few others that go with the product `id`.
    pub(crate) fn recommended(database: &Database, id: i64) -> rusqlite::Result<Vec<Self>> {
        database.rows(&RECOMMENDED, [id], Self::read)
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            name: row.get(1)?,
            category: row.get(2)?,
            price: row.get(3)?,
            stock: row.get(4)?,
            summary: row.get(5)?,
            description: row.get(6)?,
        })
    }
}

/// What a customer says about a product.
#[derive(Debug, Serialize)]
pub(crate) struct Review {
    author: String,
    stars: i64,
    text: String,
}

impl Review {
    pub(crate) fn of(database: &Database, product: i64) -> rusqlite::Result<Vec<Self>> {
        database.rows(&REVIEWS, [product], |row| {
            Ok(Self { author: row.get(0)?, stars: row.get(1)?, text: row.get(2)? })
        })
    }
}

/// How a price is written.
pub(crate) fn euros(cents: i64) -> String {
    format!("€ {}.{:02}", cents / 100, cents % 100)
}

/// Fills the tables of an empty database.
pub(crate) fn seed(connection: &Connection) -> rusqlite::Result<()> {
    let mut product = connection.prepare("INSERT INTO products VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?;
    let mut review = connection.prepare("INSERT INTO reviews VALUES (?1, ?2, ?3, ?4)")?;
    for (id, (name, category, price, stock, summary, description)) in (1i64..).zip(PRODUCTS) {
        product.execute(params![id, name, category, price, stock, summary, description])?;
        // Two to four reviews each, spread so that neighbours differ.
        for number in 0..2 + id % 3 {
            let (author, stars, text) = REVIEWERS[((id * 3 + number) % 8) as usize];
            review.execute(params![id, author, stars, text])?;
        }
    }
    Ok(())
}

const ALL: Statement = Statement {
    operation: "SELECT",
    table: "products",
    text: "SELECT id, name, category, price, stock, summary, description FROM products ORDER BY id",
};

const ONE: Statement = Statement {
    operation: "SELECT",
    table: "products",
    text: "SELECT id, name, category, price, stock, summary, description FROM products WHERE id = ?1",
};

const SEARCH: Statement = Statement {
    operation: "SELECT",
    table: "products",
    text: "SELECT id, name, category, price, stock, summary, description FROM products \
           WHERE instr(lower(name || ' ' || category || ' ' || summary), lower(?1)) > 0 ORDER BY id",
};

const RECOMMENDED: Statement = Statement {
    operation: "SELECT",
    table: "products",
    text: "SELECT id, name, category, price, stock, summary, description FROM products \
           WHERE id <> ?1 ORDER BY (id + ?1 * 5) % 12 LIMIT 3",
};

const REVIEWS: Statement = Statement {
    operation: "SELECT",
    table: "reviews",
    text: "SELECT author, stars, text FROM reviews WHERE product = ?1 ORDER BY rowid",
};

/// Name, category, cents, stock, summary, description.
type Seed = (&'static str, &'static str, i64, i64, &'static str, &'static str);

#[rustfmt::skip]
const PRODUCTS: [Seed; 12] = [
    ("Headwater filter bottle", "Drink", 3_490, 42, "Drink from any brook, 0.75 l",
        "A hollow-fibre filter in a bottle that fits a hand. Fill it where the water starts, squeeze, drink. \
         One filter lasts a thousand litres; the bottle lasts longer."),
    ("Brook enamel mug", "Drink", 1_450, 120, "Speckled steel, 0.35 l",
        "Enamelled steel, as light as it looks. It takes the fire, the frost and the bottom of the bag, \
         and a chip in it is a story."),
    ("Tarn dry bag", "Carry", 3_900, 18, "Roll-top, 20 l",
        "Welded seams and a roll top that closes with three turns. Your sweater will be the only dry thing in the boat."),
    ("Rill folding cup", "Drink", 990, 65, "Silicone, folds to a coin",
        "Four rings of silicone that fold to the height of a finger. For the spring you did not expect."),
    ("Cascade camp kettle", "Cook", 4_400, 7, "Boils a litre in three minutes",
        "Hard-anodised, with fins under the bottom that catch the flame. Whistles politely."),
    ("Eddy packable bucket", "Carry", 2_400, 31, "Ten litres, folds flat",
        "Carries water uphill and folds to the size of a sandwich. Stands by itself, even half full."),
    ("Ford wading shoes", "Wear", 8_900, 12, "Grip on wet stone",
        "Felt-free soles that hold on algae, and drains that let the river out again after every step."),
    ("Current paddle gloves", "Wear", 2_990, 26, "Warm hands, free fingers",
        "Neoprene on the back, bare palms with a grip print. For cold mornings and long crossings."),
    ("Spring water canister", "Carry", 2_750, 0, "Ten litres, with a tap",
        "Food-safe, stackable, and the tap does not drip. Sold out each summer, and so it is now."),
    ("Moss quick towel", "Wear", 1_990, 54, "Dries you, then itself",
        "A microfibre towel that takes four times its weight in water and gives it back to the wind within the hour."),
    ("Delta packraft", "Float", 54_900, 3, "A boat of 2.4 kg",
        "Inflate it with its own bag in four minutes, cross, and carry on. Holds one person, one pack and a modest dog."),
    ("Thaw rain jacket", "Wear", 15_900, 15, "Three layers, no rustle",
        "Keeps the weather out and lets the climb out. The hood follows your head, the pockets stay clear of the hip belt."),
];

#[rustfmt::skip]
const REVIEWERS: [(&str, i64, &str); 8] = [
    ("Ines", 5, "Took it along the whole river and would again."),
    ("Jonas", 4, "Does what it says. The colour is greener than I thought."),
    ("Maren", 5, "Third one in the family; the first still works."),
    ("Theo", 3, "Good, but the parcel arrived as wet as the product."),
    ("Alba", 5, "Small, light, clever."),
    ("Piet", 4, "Survived my children. That is all I have to say."),
    ("Sanne", 2, "I wanted the blue one."),
    ("Emil", 5, "Used it at four degrees and sideways rain. No complaint."),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn search_ignores_case_and_looks_at_categories() {
        let database = Database::open(None).unwrap();
        let found = Product::search(&database, "FLOAT").unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].name, "Delta packraft");
    }

    #[test]
    fn a_percent_sign_is_only_a_percent_sign() {
        let database = Database::open(None).unwrap();
        assert!(Product::search(&database, "%").unwrap().is_empty());
    }

    #[test]
    fn a_product_is_never_recommended_to_itself() {
        let database = Database::open(None).unwrap();
        for id in 1..=12 {
            let recommended = Product::recommended(&database, id).unwrap();
            assert_eq!(recommended.len(), 3);
            assert!(recommended.iter().all(|product| product.id != id));
        }
    }

    #[test]
    fn prices_have_two_digits_of_cents() {
        assert_eq!(euros(905), "€ 9.05");
        assert_eq!(euros(54_900), "€ 549.00");
    }
}
