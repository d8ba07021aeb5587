use cache_runtime::cached;

struct Job;

#[cached(key = "job:<id>")]
async fn load(id: u64) -> Result<Job, std::rc::Rc<str>> {
    let _ = id;
    Ok(Job)
}

fn main() {}
