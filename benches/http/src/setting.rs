//! The settings of the whole run.

use crate::python::Python;

pub struct Setting {
    pub python: Python,
    pub rounds: usize,
    pub quick: bool,
}
