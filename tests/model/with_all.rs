//! With every safeguard on: each configuration to its last state.

use std::time::Instant;

use crate::configurations;
use crate::explore::explore;

#[test]
fn every_configuration_is_coherent() {
    let mut all = 0;
    for (name, protocol) in configurations::chosen() {
        let began = Instant::now();
        let explored = explore(&protocol);
        println!("{name:>20}: {:>8} states, depth {:>2}, {:?}", explored.states, explored.depth, began.elapsed());
        if let Some(violation) = explored.violation {
            panic!("{name}: {violation}");
        }
        all += explored.states;
    }
    println!("{all} states");
}
