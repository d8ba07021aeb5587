//! Twenty rows, as a page of a list has, which the benches load.

pub(crate) type Rows = Vec<(u64, String, String, bool)>;

pub(crate) fn rows() -> Rows {
    (0..20)
        .map(|id| {
            (
                id,
                format!("Engineer {id}"),
                "Example and Sons, Lisbon, Portugal".to_owned(),
                id % 2 == 0,
            )
        })
        .collect()
}
