//! Breadth-first exploration of all reachable states, and the shortest way to a violation.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::hash::{BuildHasherDefault, Hash, Hasher};

use crate::protocol::Step;

/// What can be explored.
pub(crate) trait Model {
    type State: Hash;
    type Broken: fmt::Debug;

    fn start(&self) -> Self::State;

    /// Collects what can happen next.
    fn steps(&self, state: &Self::State, next: &mut Vec<(Step, Self::State)>);

    /// The property that does not hold, if there is one.
    fn broken(&self, state: &Self::State) -> Option<Self::Broken>;

    /// One name for all states that differ only in names.
    fn canonical(state: Self::State) -> Self::State;
}

/// What an exploration came to.
#[derive(Debug)]
pub(crate) struct Explored<Broken> {
    pub(crate) states: usize,
    /// The longest of the shortest ways to a state.
    pub(crate) depth: usize,
    /// Every kind of step that was taken: what never happened was not checked.
    pub(crate) taken: HashSet<&'static str>,
    pub(crate) violation: Option<Violation<Broken>>,
}

/// The steps from the start to a state in which a property does not hold; no shorter way leads to one.
#[derive(Debug)]
pub(crate) struct Violation<Broken> {
    pub(crate) broken: Broken,
    pub(crate) trace: Vec<Step>,
}

/// Visits every state that the protocol can reach, nearest first; ends at the first violation.
pub(crate) fn explore<M: Model>(protocol: &M) -> Explored<M::Broken> {
    let start = M::canonical(protocol.start());
    let mut seen: HashSet<u64, BuildHasherDefault<Passed>> = HashSet::default();
    seen.insert(print_of(&start));
    // How each state was first met: from which, and by its how-manyeth successor.
    let mut met: Vec<(u32, u16)> = vec![(0, 0)];
    let mut waiting = VecDeque::from([(0_u32, 0_usize, start)]);
    let mut explored = Explored {
        states: 0,
        depth: 0,
        taken: HashSet::new(),
        violation: None,
    };
    let mut taken: HashMap<u64, &'static str, BuildHasherDefault<Passed>> = HashMap::default();
    let mut next = Vec::new();
    while let Some((number, depth, state)) = waiting.pop_front() {
        explored.states += 1;
        explored.depth = depth;
        if let Some(broken) = protocol.broken(&state) {
            explored.violation = Some(Violation {
                broken,
                trace: retrace(protocol, &met, number),
            });
            break;
        }
        protocol.steps(&state, &mut next);
        for (at, (step, state)) in next.drain(..).enumerate() {
            taken.insert(step.what.as_ptr().addr() as u64, step.what);
            let state = M::canonical(state);
            if seen.insert(print_of(&state)) {
                met.push((
                    number,
                    u16::try_from(at).expect("a state has few successors"),
                ));
                let new = u32::try_from(met.len() - 1).expect("fewer than four billion states");
                waiting.push_back((new, depth + 1, state));
            }
        }
    }
    explored.taken.extend(taken.into_values());
    explored
}

fn retrace<M: Model>(protocol: &M, met: &[(u32, u16)], mut number: u32) -> Vec<Step> {
    let mut ways = Vec::new();
    while number != 0 {
        let (from, way) = met[number as usize];
        ways.push(usize::from(way));
        number = from;
    }
    let (mut state, mut next) = (M::canonical(protocol.start()), Vec::new());
    let walk = ways.iter().rev().map(|way| {
        next.clear();
        protocol.steps(&state, &mut next);
        let (step, reached) = next.swap_remove(*way);
        state = M::canonical(reached);
        step
    });
    walk.collect()
}

impl<Broken: fmt::Debug> fmt::Display for Violation<Broken> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} after {} steps:", self.broken, self.trace.len())?;
        self.trace
            .iter()
            .try_for_each(|step| write!(f, "\n    {step}"))
    }
}

/// Two states of one print would be taken for one: with some million states, the odds are one to ten million.
fn print_of(state: &impl Hash) -> u64 {
    let mut hasher = Mixer(0x243f_6a88_85a3_08d3);
    state.hash(&mut hasher);
    hasher.finish()
}

/// A fast hash of small integers; nobody chooses its input.
struct Mixer(u64);

impl Mixer {
    fn mix(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word) * 0x9e37_79b9_7f4a_7c15;
        let folded = product as u64 ^ (product >> 64) as u64;
        self.0 = folded.rotate_left(23).wrapping_add(0x1319_8a2e_0370_7344);
    }
}

impl Hasher for Mixer {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.mix(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, value: u8) {
        self.mix(u64::from(value));
    }

    fn write_isize(&mut self, value: isize) {
        self.mix(value as u64);
    }

    fn write_usize(&mut self, value: usize) {
        self.mix(value as u64);
    }

    fn finish(&self) -> u64 {
        let mut value = self.0;
        value ^= value >> 32;
        value = value.wrapping_mul(0xd6e8_feb8_6659_fd93);
        value ^ value >> 32
    }
}

/// A print is a hash already; the address of a step's name does for one.
#[derive(Default)]
struct Passed(u64);

impl Hasher for Passed {
    fn write(&mut self, _: &[u8]) {
        unreachable!("only prints are hashed");
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
