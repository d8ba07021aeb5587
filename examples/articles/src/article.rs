//! Articles, their authors and their tags.

use serde::{Deserialize, Serialize};

use crate::input::{self, Canonical, Invalid};

/// One article.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, sqlx::FromRow)]
pub struct Article {
    /// Its number.
    pub id: i64,
    /// Its name in links: made of the first title, and kept, because links are.
    pub slug: String,
    /// One line.
    pub title: String,
    /// Any number of lines.
    pub body: String,
    /// Who wrote it.
    pub author_id: i64,
    /// Their name.
    pub author: String,
    /// What it is about.
    #[sqlx(try_from = "String")]
    pub tags: Tags,
    /// RFC 3339, UTC.
    pub created_at: String,
    /// RFC 3339, UTC.
    pub updated_at: String,
}

/// An article as lists show it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, sqlx::FromRow)]
#[expect(missing_docs, reason = "as in `Article`")]
pub struct Summary {
    pub id: i64,
    pub slug: String,
    pub title: String,
    /// How it begins.
    pub opening: String,
    pub author: String,
    #[sqlx(try_from = "String")]
    pub tags: Tags,
    pub created_at: String,
}

/// What an article is about, in alphabetical order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Tags(pub Vec<String>);

/// As `group_concat` writes them. A tag has no comma in it; `canonical_tags` sees to that.
impl From<String> for Tags {
    fn from(joined: String) -> Self {
        let tags = joined.split(',').filter(|tag| !tag.is_empty());
        Self(tags.map(str::to_owned).collect())
    }
}

/// A tag, and what there is under it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, sqlx::FromRow)]
pub struct TagCount {
    /// The tag.
    pub tag: String,
    /// How many articles have it.
    pub articles: i64,
    /// When the latest of them was written.
    pub latest: String,
}

/// Somebody who writes articles. They sign up, and change their names, in another service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, sqlx::FromRow)]
pub struct User {
    /// Their number.
    pub id: i64,
    /// Their name.
    pub name: String,
    /// What they say of themselves.
    pub about: String,
}

/// An article that is to be.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "as in `Article`")]
pub struct NewArticle {
    pub author_id: i64,
    pub title: String,
    pub body: String,
    #[serde(default)]
    pub tags: Tags,
}

impl Canonical for NewArticle {
    fn canonical(self) -> Result<Self, Invalid> {
        let text = Text {
            title: self.title,
            body: self.body,
            tags: self.tags,
        };
        let Text { title, body, tags } = text.canonical()?;
        Ok(Self {
            author_id: self.author_id,
            title,
            body,
            tags,
        })
    }
}

/// What may be changed of an article: all of it together.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "as in `Article`")]
pub struct Text {
    pub title: String,
    pub body: String,
    #[serde(default)]
    pub tags: Tags,
}

impl Canonical for Text {
    fn canonical(self) -> Result<Self, Invalid> {
        let title = input::line("title", &self.title, 150)?;
        if input::slug(&title).is_empty() {
            return Err(Invalid::new("title", "needs a letter or a digit"));
        }
        Ok(Self {
            title,
            body: input::lines("body", &self.body, 20_000)?,
            tags: canonical_tags(&self.tags)?,
        })
    }
}

/// `Rust, rust , Error handling` become `error-handling, rust`.
fn canonical_tags(tags: &Tags) -> Result<Tags, Invalid> {
    let mut slugs: Vec<_> = tags.0.iter().map(|tag| input::slug(tag)).collect();
    slugs.sort();
    slugs.dedup();
    if slugs.len() > MOST_TAGS {
        return Err(Invalid::new("tags", format!("are more than {MOST_TAGS}")));
    }
    let fits = |tag: &String| (1..=LONGEST_TAG).contains(&tag.chars().count());
    if !slugs.iter().all(fits) {
        let problem = format!("must each have 1 to {LONGEST_TAG} letters or digits");
        return Err(Invalid::new("tags", problem));
    }
    Ok(Tags(slugs))
}

const MOST_TAGS: usize = 5;
const LONGEST_TAG: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(tags: &[&str]) -> Tags {
        Tags(tags.iter().map(|&tag| tag.to_owned()).collect())
    }

    #[test]
    fn a_tag_has_one_spelling() {
        let typed = tags(&["Rust", " rust ", "Error, handling"]);
        assert_eq!(
            canonical_tags(&typed),
            Ok(tags(&["error-handling", "rust"]))
        );
    }

    #[test]
    fn tags_are_few_and_short() {
        assert!(canonical_tags(&tags(&["a", "b", "c", "d", "e", "E"])).is_ok());
        assert!(canonical_tags(&tags(&["a", "b", "c", "d", "e", "f"])).is_err());
        assert!(canonical_tags(&tags(&["!"])).is_err());
        assert!(canonical_tags(&tags(&[&"x".repeat(LONGEST_TAG + 1)])).is_err());
    }

    #[test]
    fn what_sql_joins_is_split_again() {
        assert_eq!(Tags::from("a,b".to_owned()), tags(&["a", "b"]));
        assert_eq!(Tags::from(String::new()), Tags::default());
    }

    #[test]
    fn a_title_without_words_is_refused() {
        let text = |title: &str| Text {
            title: title.into(),
            body: "…".into(),
            tags: Tags::default(),
        };
        assert!(text("?!").canonical().is_err());
        let title = text("  Was  nun? ").canonical().map(|text| text.title);
        assert_eq!(title, Ok("Was nun?".to_owned()));
    }
}
