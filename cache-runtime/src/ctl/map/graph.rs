//! Which functions may remove what others store.

use crate::ctl::map::function::{Companion, Function, How, Key, Removal, Removed, Store};
use crate::ctl::map::program::Program;
use crate::ctl::map::shape::Covered;

/// Readers, writers, and what leads from one to the other.
#[derive(Debug)]
pub(super) struct Graph<'a> {
    pub(super) program: &'a Program,
    pub(super) readers: Vec<Reader<'a>>,
    pub(super) writers: Vec<Writer<'a>>,
    pub(super) edges: Vec<Edge>,
}

/// Something that a function stores.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    /// Which function of the program it is.
    pub(super) at: usize,
    pub(super) function: &'a Function,
    pub(super) store: &'a Store,
}

/// A function that removes something.
#[derive(Clone, Copy, Debug)]
pub(super) struct Writer<'a> {
    pub(super) at: usize,
    pub(super) function: &'a Function,
}

/// A removal that may concern a reader, by their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Edge {
    pub(super) reader: usize,
    pub(super) writer: usize,
    pub(super) removal: usize,
    /// Whether a reader removes its own entry. That brings nothing new: its body runs only if there is no entry.
    pub(super) own: bool,
}

impl<'a> Graph<'a> {
    pub(super) fn of(program: &'a Program) -> Self {
        let functions = || program.functions.iter().enumerate();
        let readers: Vec<Reader<'a>> = functions()
            .flat_map(|(at, function)| {
                let stores = function.stores.iter();
                stores.map(move |store| Reader {
                    at,
                    function,
                    store,
                })
            })
            .collect();
        let writers: Vec<Writer<'a>> = functions()
            .filter(|(_, function)| !function.removes.is_empty())
            .map(|(at, function)| Writer { at, function })
            .collect();
        let mut graph = Self {
            program,
            readers,
            writers,
            edges: Vec::new(),
        };
        graph.connect();
        graph
    }

    /// Whether somebody removes what a reader stores when it changes. A removal of everything does not count: it is for
    /// operators, and covers all readers that were forgotten.
    pub(super) fn is_removed(&self, reader: usize) -> bool {
        let mut removing = self.removing(reader);
        removing.any(|edge| !self.writers[edge.writer].function.removes[edge.removal].is_clear())
    }

    /// The removals that may concern a reader, by others than itself.
    pub(super) fn removing(&self, reader: usize) -> impl Iterator<Item = &Edge> {
        let edges = self.edges.iter();
        edges.filter(move |edge| edge.reader == reader && !edge.own)
    }

    /// The readers that a removal may concern.
    pub(super) fn removed_by(&self, writer: usize, removal: usize) -> impl Iterator<Item = &Edge> {
        let is_it = move |edge: &&Edge| edge.writer == writer && edge.removal == removal;
        self.edges.iter().filter(is_it)
    }

    fn connect(&mut self) {
        let mut edges = Vec::new();
        for (writer, by) in self.writers.iter().enumerate() {
            for (removal, removes) in by.function.removes.iter().enumerate() {
                let named = self.named_by(by.function, removes);
                for (reader, of) in self.readers.iter().enumerate() {
                    let concerns = named.contains(&reader) || self.covers(removes, &named, *of);
                    if concerns {
                        edges.push(Edge {
                            reader,
                            writer,
                            removal,
                            own: by.at == of.at && of.store.how == How::Read,
                        });
                    }
                }
            }
        }
        self.edges = edges;
    }

    /// Whether a removal may cover the entries of a reader.
    fn covers(&self, removal: &Removal, named: &[usize], reader: Reader<'_>) -> bool {
        match &removal.what {
            Removed::Entries(Covered::Keys(keys)) => {
                let shape = reader.store.key.shape();
                shape.map_or(keys.is_everything(), |shape| shape.meets(keys))
            }
            Removed::Entries(Covered::Tags(all)) => {
                let tags = &reader.store.tags.listed;
                !all.is_empty()
                    && all
                        .iter()
                        .all(|wanted| tags.iter().any(|tag| tag.shape().meets(wanted)))
            }
            Removed::Companion { all: true, .. } => named.iter().any(|named| {
                match (&self.readers[*named].store.key, reader.store.key.shape()) {
                    (Key::Known { every, .. }, Some(shape)) => shape.meets(every),
                    _ => false,
                }
            }),
            Removed::Companion { all: false, .. } | Removed::Nothing(_) => false,
        }
    }

    /// The readers whose companion a call names. Several may have one of that name: those of the modules in the call, if
    /// there are such, else those of the caller's own module, else all.
    fn named_by(&self, caller: &Function, removal: &Removal) -> Vec<usize> {
        let Removed::Companion { path, .. } = &removal.what else {
            return Vec::new();
        };
        let Some((name, before)) = path.split_last() else {
            return Vec::new();
        };
        let has_it = |at: &usize| is_companion(self.readers[*at].store, name);
        let all: Vec<usize> = (0..self.readers.len()).filter(has_it).collect();
        let modules: Vec<&String> = (before.iter())
            .filter(|part| !["crate", "self", "super", "Self"].contains(&part.as_str()))
            .collect();
        let is_near = |at: &usize| {
            let of = self.readers[*at].function;
            match modules.is_empty() {
                true => of.place.file == caller.place.file && of.module == caller.module,
                false => ends_with(&of.module, &modules),
            }
        };
        let near: Vec<usize> = all.iter().copied().filter(is_near).collect();
        if near.is_empty() { all } else { near }
    }
}

/// Whether a function's companion has this name.
fn is_companion(store: &Store, name: &str) -> bool {
    match &store.companion {
        Some(Companion::Type(own)) => own == name,
        Some(Companion::Methods(own)) => {
            let rest = name.strip_prefix(own.as_str());
            let rest = rest.and_then(|rest| rest.strip_prefix('_'));
            rest.is_some_and(|rest| {
                ["invalidate", "invalidate_all", "refresh", "key"].contains(&rest)
            })
        }
        None => false,
    }
}

fn ends_with(module: &[String], end: &[&String]) -> bool {
    module.len() >= end.len()
        && module
            .iter()
            .rev()
            .zip(end.iter().rev())
            .all(|(a, b)| a == *b)
}
