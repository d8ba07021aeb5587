//! Sentences that compare ours with the others, made from the figures, so that they hold for them.

/// Ours as the README recommends it over HTTP: the others are compared with this.
const REFERENCE: &str = "ours, CachedJson + CacheLayer";

/// A figure of a contender, of which more is better.
pub struct Figure {
    pub name: &'static str,
    pub value: f64,
}

/// Which others are better than ours, and by how much. The line is as above the table; `what` is as in `more requests a
/// second`.
pub fn better(line: &str, what: &str, figures: &[Figure]) -> String {
    let reference = figures.iter().find(|figure| figure.name == REFERENCE);
    let value = reference.map_or(f64::NAN, |reference| reference.value);
    let others = figures
        .iter()
        .filter(|figure| !figure.name.starts_with("ours"));
    let mut above: Vec<&Figure> = others.filter(|figure| figure.value > value).collect();
    above.sort_by(|one, other| other.value.total_cmp(&one.value));
    let named = above.iter().map(|figure| {
        let factor = figure.value / value;
        format!("`{}` ({factor:.2} times)", figure.name)
    });
    let named = list(named);
    format!("{line} {what} than `{REFERENCE}`: {named}.")
        .trim_start()
        .to_owned()
}

/// `a, b and c`.
pub fn list(words: impl IntoIterator<Item = String>) -> String {
    let words: Vec<String> = words.into_iter().collect();
    match words.split_last() {
        None => "none".to_owned(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}
