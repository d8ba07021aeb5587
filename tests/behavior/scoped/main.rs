//! Tests that are written as users of the feature `testing` write theirs: each in a cache of its own.

mod compared;
mod computed_removals;
mod lists;
mod nested_writes;
mod own_writes;
mod places;
mod refreshes;
mod shared_options;
mod testing;
mod ttl_of_value;
