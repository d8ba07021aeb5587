//! The source of a program: functions as a service has them, and a `main` that calls each of them once.
//!
//! A function takes an id, a name, or two such, awaits a row from a storage that answers at once, and makes one of ten
//! structs of it. Ten functions are a module. All of it is the same for every kind but the attribute.

use std::fmt::Write;

use super::Kind;

/// How many functions are in a module. The compiler divides its work by modules, so one huge module, or one for each
/// function, would measure something that no service looks like.
const FUNCTIONS_IN_A_MODULE: usize = 10;

/// The fields of a generated struct: names and types.
type Fields = &'static [(&'static str, &'static str)];

/// The structs that functions return, in turn.
const STRUCTS: [(&str, Fields); 10] = [
    (
        "Account",
        &[
            ("id", "u64"),
            ("owner", "String"),
            ("balance", "f64"),
            ("open", "bool"),
        ],
    ),
    (
        "Article",
        &[("id", "u64"), ("title", "String"), ("tags", "Vec<String>")],
    ),
    (
        "Customer",
        &[
            ("id", "u64"),
            ("name", "String"),
            ("mail", "Option<String>"),
        ],
    ),
    (
        "Invoice",
        &[
            ("number", "u64"),
            ("lines", "Vec<String>"),
            ("total", "f64"),
            ("paid", "bool"),
        ],
    ),
    (
        "Job",
        &[
            ("id", "u64"),
            ("title", "String"),
            ("place", "Option<String>"),
            ("pay", "f64"),
        ],
    ),
    (
        "Order",
        &[
            ("id", "u64"),
            ("items", "Vec<String>"),
            ("note", "Option<String>"),
        ],
    ),
    (
        "Product",
        &[
            ("id", "u64"),
            ("name", "String"),
            ("price", "f64"),
            ("stock", "u64"),
        ],
    ),
    (
        "Profile",
        &[
            ("id", "u64"),
            ("name", "String"),
            ("interests", "Vec<String>"),
            ("public", "bool"),
        ],
    ),
    (
        "Report",
        &[
            ("id", "u64"),
            ("mean", "f64"),
            ("largest", "f64"),
            ("remarks", "Vec<String>"),
        ],
    ),
    (
        "Ticket",
        &[
            ("id", "u64"),
            ("subject", "String"),
            ("assignee", "Option<String>"),
            ("closed", "bool"),
        ],
    ),
];

/// The signature of a generated function: its parameters, the arguments of a call, the end of its key, and a number made of them.
struct Shape {
    parameters: &'static str,
    arguments: &'static str,
    key: &'static str,
    number: &'static str,
}

/// The shapes that functions have, in turn. Three shapes and ten structs: each struct comes with each shape.
const SHAPES: [Shape; 3] = [
    Shape {
        parameters: "id: u64",
        arguments: "id",
        key: "<id>",
        number: "id",
    },
    Shape {
        parameters: "id: u64, page: u32",
        arguments: "id, 2",
        key: "<id>:<page>",
        number: "id.wrapping_add(u64::from(page))",
    },
    Shape {
        parameters: "tenant: u64, name: String",
        arguments: "id, String::from(\"somebody\")",
        key: "<tenant>:<name>",
        number: "tenant.wrapping_add(name.len() as u64)",
    },
];

/// The structs, the error and the storage: what the functions of every kind share.
const DOMAIN: &str = r#"//! What the functions return, and where it comes from.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug)]
pub enum Error {
    NotFound(u64),
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotFound(id) => write!(f, "there is no {id}"),
        }
    }
}

impl std::error::Error for Error {}

pub struct Row {
    pub id: u64,
    pub text: String,
    pub amount: f64,
    pub words: Vec<String>,
}

pub async fn row(table: &'static str, id: u64) -> Result<Row, Error> {
    tokio::task::yield_now().await;
    row_now(table, id)
}

pub fn row_now(table: &'static str, id: u64) -> Result<Row, Error> {
    if id == u64::MAX {
        return Err(Error::NotFound(id));
    }
    Ok(Row {
        id,
        text: format!("{table} {id}"),
        amount: 0.5,
        words: vec![table.to_owned()],
    })
}
"#;

/// The files of a program below `src/`, with their texts.
///
/// `constant` is in the body of the first function: another one is a change as a developer makes it.
pub(super) fn files(kind: Kind, functions: usize, constant: u64) -> Vec<(String, String)> {
    let modules = functions.div_ceil(FUNCTIONS_IN_A_MODULE);
    let mut files = vec![
        ("main.rs".to_owned(), main(modules)),
        ("domain.rs".to_owned(), domain()),
    ];
    for module in 0..modules {
        let first = module * FUNCTIONS_IN_A_MODULE;
        let numbers = first..functions.min(first + FUNCTIONS_IN_A_MODULE);
        files.push((
            format!("m{module}.rs"),
            self::module(kind, numbers, constant),
        ));
    }
    files
}

/// The line that a program prints when each of its functions has answered.
pub(super) fn farewell(functions: usize) -> String {
    format!("{functions} functions answered\n")
}

fn main(modules: usize) -> String {
    // A program of few functions has no use for all structs.
    let mut text =
        "//! Generated: calls each function once.\n\n#![allow(dead_code)]\n\nmod domain;\n"
            .to_owned();
    for module in 0..modules {
        let _ = writeln!(text, "mod m{module};");
    }
    text += "\n#[tokio::main]\nasync fn main() {\n    let mut answered = 0_u32;\n";
    for module in 0..modules {
        let _ = writeln!(text, "    answered += m{module}::call_all(7).await;");
    }
    text + "    println!(\"{answered} functions answered\");\n}\n"
}

fn domain() -> String {
    let mut text = DOMAIN.to_owned();
    for (name, fields) in STRUCTS {
        let _ = write!(
            text,
            "\n#[derive(Clone, Debug, Serialize, Deserialize)]\npub struct {name} {{\n"
        );
        for (field, of) in fields {
            let _ = writeln!(text, "    pub {field}: {of},");
        }
        text += "}\n";
    }
    text
}

/// A module: its functions, and one that calls them.
fn module(kind: Kind, numbers: std::ops::Range<usize>, constant: u64) -> String {
    let mut text = "//! Generated.\n\nuse crate::domain::*;\n".to_owned();
    let mut calls = String::new();
    for number in numbers {
        let (name, fields) = STRUCTS[number % STRUCTS.len()];
        let shape = &SHAPES[number % SHAPES.len()];
        let refused = if number == 0 {
            constant
        } else {
            1_000_000 + number as u64
        };
        text += "\n";
        text += &function(kind, number, name, fields, shape, refused);
        let _ = writeln!(
            calls,
            "    answered += u32::from({}({}){}.is_ok());",
            identifier(name, number),
            shape.arguments,
            kind.awaits()
        );
    }
    let _ = write!(
        text,
        "\npub async fn call_all(id: u64) -> u32 {{\n    let mut answered = 0;\n{calls}    answered\n}}\n"
    );
    text
}

/// A function, whose body has a constant of its own: the number that it refuses.
fn function(
    kind: Kind,
    number: usize,
    name: &str,
    fields: Fields,
    shape: &Shape,
    refused: u64,
) -> String {
    let table = name.to_lowercase();
    let attribute = kind.attribute(&format!("{table}:{number}:{}", shape.key));
    let mut text = format!(
        "{attribute}pub {}fn {}({}) -> Result<{name}, Error> {{\n",
        kind.asyncness(),
        identifier(name, number),
        shape.parameters
    );
    let row = match kind {
        Kind::OursSync => "row_now",
        _ => "row",
    };
    let awaits = kind.awaits();
    let _ = write!(
        text,
        "    let number = {};\n    let row = {row}(\"{table}\", number){awaits}?;\n    if row.id == {refused} {{\n        \
         return Err(Error::NotFound(row.id));\n    }}\n    Ok({name} {{\n",
        shape.number
    );
    for (field, of) in fields {
        let _ = writeln!(text, "        {field}: {},", value(of));
    }
    text + "    })\n}\n"
}

fn identifier(name: &str, number: usize) -> String {
    format!("{}_{number}", name.to_lowercase())
}

/// An expression of the given type, made from a row.
fn value(of: &str) -> &'static str {
    match of {
        "u64" => "row.id.wrapping_add(number)",
        "f64" => "row.amount * 2.0",
        "bool" => "row.id % 2 == 0",
        "String" => "row.text.clone()",
        "Option<String>" => "row.words.first().cloned()",
        "Vec<String>" => "row.words.iter().map(|word| word.to_uppercase()).collect()",
        _ => unreachable!("no struct has a field of type {of}"),
    }
}
