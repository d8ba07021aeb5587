//! P4 with `CACHE_JOURNAL`: a removal that waits for Redis survives the crash of its process.
//!
//! The processes are this very program, started again for the one test that does what its input says.

use std::fs::OpenOptions;
use std::future::{Future as _, poll_fn};
use std::io::{BufRead, stdin};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::task::Poll;
use std::{env, fs, thread};

use cache_runtime::{Cache, CacheConfig, Durability};
use cache_tests::{ChildProcess, Fault, FaultProxy, RedisServer, wait_until};
use tempfile::TempDir;
use tokio::sync::mpsc;

use crate::app::{App, Db, SOON, item};
use crate::said::Said;

/// A process of its own, configured by its environment.
struct Process(ChildProcess);

impl Process {
    fn start(url: &str, journal: &Path) -> Self {
        Self::run(
            ChildProcess::builder(env::current_exe().unwrap()),
            url,
            journal,
        )
    }

    /// The same, where no file may grow beyond a block of the shell's; what is written to the pipes is no file.
    fn start_on_a_full_disk(url: &str, journal: &Path) -> Self {
        let limited = r#"trap "" XFSZ; ulimit -f 1; exec "$0" "$@" 2>/dev/null"#;
        let shell = ChildProcess::builder("/bin/sh").arg("-c").arg(limited);
        Self::run(shell.arg(env::current_exe().unwrap()), url, journal)
    }

    fn run(program: cache_tests::ChildProcessBuilder, url: &str, journal: &Path) -> Self {
        let child = program
            .arg("p4_crash::as_a_process_that_is_told_what_to_do")
            .arg("--exact")
            .arg("--ignored")
            .arg("--nocapture")
            .env("REDIS_URL", url)
            .env("CACHE_JOURNAL", journal)
            // With restarts trusted, nothing but the journal stands between a snapshot and its readers.
            .env("CACHE_TRUST_RESTART", "on")
            .env("CACHE_BUDGET", "10s")
            .spawn();
        let process = Self(child);
        process.says("ready");
        process
    }

    /// One whose entry of item 1 stands in Redis, which it cannot reach any more.
    fn cut_off_with_an_entry(server: &RedisServer, proxy: &FaultProxy, journal: &Path) -> Self {
        let mut process = Self::start(&proxy.url(), journal);
        assert_eq!(process.tell("read 1"), "1");
        wait_until(SOON, "an entry", || {
            (server.cli(&["STRLEN", "item:1"]).int() > 56).then_some(())
        });
        proxy.set(Fault::BlackHole);
        process
    }

    /// Does something, and says what came of it.
    fn tell(&mut self, command: &str) -> String {
        self.0.send(command);
        self.says("=")
    }

    fn says(&self, mark: &str) -> String {
        let line = self
            .0
            .line_where(3 * SOON, mark, |line| line.contains(mark));
        line.rsplit(mark)
            .next()
            .unwrap_or_default()
            .trim()
            .to_owned()
    }

    /// Ends in order.
    fn end(mut self) {
        self.0.close_input();
        assert!(self.0.wait(3 * SOON).success());
    }
}

/// Lines: `commit <value>`, `read <id>`, `remove <id>`, `waiting`, `connected`, `said <text>`.
#[tokio::test]
#[ignore = "runs as a child process, told by its input what to do"]
async fn as_a_process_that_is_told_what_to_do() {
    if env::var_os("CACHE_JOURNAL").is_none() {
        return;
    }
    let (said, _guard) = Said::listen();
    let app = App {
        cache: Cache::new(CacheConfig::from_env().unwrap()).unwrap(),
        db: Db::new(1),
    };
    let (sender, mut lines) = mpsc::unbounded_channel();
    thread::spawn(move || {
        for line in stdin().lock().lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    println!("ready");
    while let Some(line) = lines.recv().await {
        let (verb, rest) = line.split_once(' ').unwrap_or((&line, ""));
        let number = || rest.parse::<u32>().unwrap();
        let answer = match verb {
            "commit" => {
                app.db.commit(u64::from(number()));
                "done".to_owned()
            }
            "read" => item(&app, number()).await.to_string(),
            "remove" => match item::invalidate(&app, number()).await.durability {
                Durability::Queued => "queued".to_owned(),
                other => format!("{other:?}"),
            },
            "waiting" => app.cache.journal_len().to_string(),
            "connected" => {
                app.reaches_redis().await;
                "yes".to_owned()
            }
            _ => said.mentions(rest).to_string(),
        };
        println!("= {answer}");
    }
    app.cache.close(SOON).await;
}

/// A directory that is not there yet, and who made it.
fn journals() -> (TempDir, PathBuf) {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("journals");
    (parent, directory)
}

/// The journals in a directory, and how long each is.
fn files(directory: &Path) -> Vec<(PathBuf, u64)> {
    let mut files: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|file| file.unwrap().path())
        .map(|path| {
            let length = path.metadata().map_or(0, |file| file.len());
            (path, length)
        })
        .collect();
    files.sort();
    files
}

/// A server whose snapshot holds items 1 to 9, and which is dead.
fn server_that_will_bring_back_items() -> RedisServer {
    let server = RedisServer::builder().snapshots().start();
    let (_parent, elsewhere) = journals();
    let mut filler = Process::start(&server.url(), &elsewhere);
    for id in 1..10 {
        assert_eq!(filler.tell(&format!("read {id}")), "1");
    }
    // Read from Redis by now, and from memory after that.
    wait_until(SOON, "the stores", || {
        (server.entries().len() == 9).then_some(())
    });
    let is_entry = |id| server.cli(&["STRLEN", &format!("item:{id}")]).int() > 56;
    wait_until(SOON, "entries, and no leases", || {
        (1..10).all(is_entry).then_some(())
    });
    filler.end();
    server.save();
    server.kill9();
    server
}

#[test]
fn a_removal_that_waits_survives_the_crash_of_its_process() {
    let server = server_that_will_bring_back_items();
    let (_parent, directory) = journals();
    let mut first = Process::start(&server.url(), &directory);
    assert_eq!(first.tell("remove 1"), "queued");
    first.0.kill9();
    let orphan = files(&directory);
    assert!(
        matches!(&orphan[..], [(_, length)] if *length > 0),
        "{orphan:?}"
    );
    server.restart();
    assert!(server.keys().contains(&"item:1".to_owned()), "it is back");

    let mut second = Process::start(&server.url(), &directory);
    second.tell("commit 2");
    assert_eq!(second.tell("read 1"), "2", "its first read of all");
    assert_eq!(second.tell("read 2"), "1", "nothing else was removed");
    assert_eq!(second.tell("waiting"), "0");
    let left = files(&directory);
    assert!(
        !left.contains(&orphan[0]) && matches!(&left[..], [(_, 0)]),
        "the orphan is gone, and nothing waits: {left:?}"
    );
    second.end();
    assert_eq!(files(&directory), [], "who ends in order leaves nothing");
}

#[test]
fn a_removal_into_a_black_hole_survives_the_crash_of_its_process() {
    let server = RedisServer::start();
    let proxy = FaultProxy::in_front_of(&server);
    let (_parent, directory) = journals();
    let mut first = Process::cut_off_with_an_entry(&server, &proxy, &directory);
    // It waits for its budget, or until the connection is known to be dead.
    assert_eq!(first.tell("remove 1"), "queued");
    first.0.kill9();
    // What the dead process has sent may still be on its way to the proxy.
    proxy.cut_all();
    proxy.up();
    assert_eq!(server.cli(&["EXISTS", "item:1"]).int(), 1, "still there");
    let mut second = Process::start(&proxy.url(), &directory);
    second.tell("commit 2");
    assert_eq!(second.tell("read 1"), "2");
}

/// The database has committed, Redis has been asked, and the process dies before the answer.
#[test]
fn a_removal_survives_a_crash_in_the_midst_of_it_and_another_spelling_of_the_url() {
    let server = RedisServer::start();
    let proxy = FaultProxy::in_front_of(&server);
    let (_parent, directory) = journals();
    let mut first = Process::cut_off_with_an_entry(&server, &proxy, &directory);
    first.0.send("remove 1");
    wait_until(SOON, "a record", || {
        files(&directory)
            .iter()
            .any(|(_, length)| *length > 0)
            .then_some(())
    });
    first.0.kill9();
    // What the dead process has sent may still be on its way to the proxy.
    proxy.cut_all();
    proxy.up();
    assert_eq!(server.cli(&["EXISTS", "item:1"]).int(), 1, "still there");
    let spelled = proxy.url().replace("127.0.0.1", "localhost") + "/0";
    let mut second = Process::start(&spelled, &directory);
    second.tell("commit 2");
    assert_eq!(second.tell("read 1"), "2");
}

/// The process may die at any moment from then on.
#[tokio::test]
async fn a_removal_is_on_file_before_redis_has_answered() {
    let server = RedisServer::start();
    let proxy = FaultProxy::in_front_of(&server);
    let (_parent, directory) = journals();
    let config = CacheConfig::default()
        .redis_url(proxy.url())
        .budget(SOON)
        .journal(&directory);
    let app = App::connected(config, &Db::new(1)).await;
    proxy.set(Fault::BlackHole);
    let written = || {
        files(&directory)
            .iter()
            .map(|(_, length)| length)
            .sum::<u64>()
    };
    assert_eq!(written(), 0);
    let mut removal = pin!(item::invalidate(&app, 1));
    let asked = poll_fn(|context| Poll::Ready(removal.as_mut().poll(context))).await;
    assert!(asked.is_pending(), "Redis has answered: {asked:?}");
    assert!(written() > 0, "a crash now would lose it");
}

#[test]
fn what_redis_has_acknowledged_is_not_replayed_after_a_crash() {
    let server = RedisServer::start();
    let (_parent, directory) = journals();
    let mut first = Process::start(&server.url(), &directory);
    first.tell("connected");
    for _ in 0..3 {
        assert_eq!(first.tell("remove 1"), "Durable");
    }
    first.0.kill9();
    server.kill9();
    let mut second = Process::start(&server.url(), &directory);
    assert_eq!(second.tell("waiting"), "0");
}

#[test]
fn a_crash_before_the_replay_of_what_was_adopted_loses_nothing_either() {
    let server = server_that_will_bring_back_items();
    let (_parent, directory) = journals();
    for id in 1..4 {
        let mut process = Process::start(&server.url(), &directory);
        assert_eq!(process.tell("waiting"), (id - 1).to_string(), "adopted");
        assert_eq!(process.tell(&format!("remove {id}")), "queued");
        process.0.kill9();
    }
    server.restart();
    let mut last = Process::start(&server.url(), &directory);
    last.tell("commit 2");
    for id in 1..4 {
        assert_eq!(last.tell(&format!("read {id}")), "2");
    }
    assert_eq!(last.tell("read 4"), "1");
}

#[test]
fn a_process_adopts_nothing_of_one_that_lives() {
    let server = server_that_will_bring_back_items();
    let (_parent, directory) = journals();
    let mut living = Process::start(&server.url(), &directory);
    assert_eq!(living.tell("remove 1"), "queued");
    let of_the_living = files(&directory);
    let mut dying = Process::start(&server.url(), &directory);
    assert_eq!(dying.tell("waiting"), "0");
    assert_eq!(dying.tell("remove 2"), "queued");
    dying.0.kill9();
    assert_eq!(files(&directory).len(), 2, "each has a file of its own");
    let mut third = Process::start(&server.url(), &directory);
    assert_eq!(third.tell("waiting"), "1", "that of the dead, and no other");
    assert!(files(&directory).contains(&of_the_living[0]));
    server.restart();
    for process in [&mut living, &mut third] {
        process.tell("connected");
        process.tell("commit 2");
    }
    for id in [1, 2] {
        assert_eq!(third.tell(&format!("read {id}")), "2");
        assert_eq!(living.tell(&format!("read {id}")), "2");
    }
    third.end();
    living.end();
    assert_eq!(files(&directory), []);
}

#[test]
fn of_a_torn_journal_everything_before_the_tear_is_adopted() {
    let server = server_that_will_bring_back_items();
    let (_parent, directory) = journals();
    let mut first = Process::start(&server.url(), &directory);
    for id in 1..4 {
        assert_eq!(first.tell(&format!("remove {id}")), "queued");
    }
    first.0.kill9();
    let (orphan, length) = files(&directory).remove(0);
    let file = OpenOptions::new().write(true).open(&orphan).unwrap();
    file.set_len(length - 3).unwrap();
    drop(file);
    let mut second = Process::start(&server.url(), &directory);
    assert_eq!(second.tell("waiting"), "2");
    server.restart();
    second.tell("connected");
    second.tell("commit 2");
    assert_eq!(
        (second.tell("read 1"), second.tell("read 2")),
        ("2".into(), "2".into())
    );
    assert!(!orphan.exists());
}

#[test]
fn a_directory_that_cannot_be_written_is_refused_in_one_line() {
    let (parent, _) = journals();
    let file = parent.path().join("file");
    fs::write(&file, "").unwrap();
    for directory in [&file, &file.join("below")] {
        let config = CacheConfig::default()
            .redis_url("redis://u:hunter2@127.0.0.1:1")
            .journal(directory);
        let error = Cache::new(config).unwrap_err().to_string();
        assert!(
            error.contains("CACHE_JOURNAL=`") && error.contains("give a directory"),
            "{error}"
        );
        assert!(
            !error.contains('\n') && !error.contains("hunter2"),
            "{error}"
        );
    }
}

#[test]
fn a_disk_that_fills_up_is_said_once_and_the_removals_go_on_in_memory() {
    let server = server_that_will_bring_back_items();
    let (_parent, directory) = journals();
    let mut process = Process::start_on_a_full_disk(&server.url(), &directory);
    process.tell("commit 2");
    // Far more than fits.
    for id in 1..60 {
        assert_eq!(process.tell(&format!("remove {id}")), "queued");
    }
    for id in [1, 9] {
        assert_eq!(
            process.tell(&format!("read {id}")),
            "2",
            "it binds this process"
        );
    }
    assert_eq!(process.tell("said the journal file cannot be written"), "1");
    assert_eq!(process.tell("waiting"), "59");
    server.restart();
    process.tell("connected");
    let (_parent, elsewhere) = journals();
    let mut other = Process::start(&server.url(), &elsewhere);
    other.tell("commit 2");
    for id in 1..10 {
        assert_eq!(other.tell(&format!("read {id}")), "2", "all were replayed");
    }
}

#[test]
fn processes_that_start_at_once_share_the_orphans_between_them() {
    let dead = RedisServer::builder().stopped();
    let (_parent, directory) = journals();
    let mut crashing = Process::start(&dead.url(), &directory);
    assert_eq!(crashing.tell("remove 1"), "queued");
    crashing.0.kill9();
    let (orphan, _) = files(&directory).remove(0);
    let name = orphan.file_name().unwrap().to_string_lossy().into_owned();
    let (family, _) = name.split_once('-').unwrap();
    for number in 0..100 {
        let copy = format!("{family}-{number}-0123456789abcdef.journal");
        fs::copy(&orphan, directory.join(copy)).unwrap();
    }
    let starts: Vec<_> = (0..8)
        .map(|_| {
            let config = CacheConfig::default()
                .redis_url(dead.url())
                .journal(&directory);
            thread::spawn(move || Cache::new(config))
        })
        .collect();
    let running: Vec<_> = starts
        .into_iter()
        .map(|start| start.join().unwrap().expect("a good directory"))
        .collect();
    assert_eq!(files(&directory).len(), running.len(), "no orphan is left");
    assert!(running.iter().any(|cache| cache.journal_len() == 1));
}
