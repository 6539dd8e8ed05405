//! What one cell may cost the others.

use std::sync::mpsc;

use super::*;

/// Longer than any of it takes, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Takes more than its share and says at which nice value.
    Greedy,
    /// Does not come back before the quick one had its turn.
    Endless,
    Quick,
}

struct Cell {
    kind: Kind,
    burden: Burden,
}

impl Hosted for Cell {
    fn name(&self) -> &'static str {
        "cell"
    }

    fn burden(&self) -> &Burden {
        &self.burden
    }
}

struct Site {
    nice: mpsc::SyncSender<i32>,
    quick_ran: Arc<AtomicBool>,
}

impl Host<Cell> for Site {
    fn step(&self, cell: &Arc<Cell>) -> Next {
        match cell.kind {
            Kind::Greedy => {
                let nice = rustix::process::getpriority_process(Some(gettid()));
                self.nice.send(nice.expect("a thread has one")).ok();
                let begun = priority::own_cpu_us();
                while priority::own_cpu_us() - begun < 2 * micros(limits::SESSION_HEAVY) {}
            }
            Kind::Endless => while !self.quick_ran.load(Ordering::Relaxed) {},
            Kind::Quick => self.quick_ran.store(true, Ordering::Relaxed),
        }
        Next::Rest
    }

    fn hangs(&self, _cell: &Arc<Cell>) {}
}

fn cell(kind: Kind) -> Arc<Cell> {
    Arc::new(Cell {
        kind,
        burden: Burden::default(),
    })
}

fn pool() -> (Arc<Pool<Cell>>, mpsc::Receiver<i32>, Arc<AtomicBool>) {
    let (nice, told) = mpsc::sync_channel(100);
    let quick_ran = Arc::new(AtomicBool::new(false));
    let pool = Pool::new("test");
    pool.start(Site {
        nice,
        quick_ran: Arc::clone(&quick_ran),
    });
    (pool, told, quick_ran)
}

#[tokio::test]
async fn a_cell_that_takes_much_runs_in_the_background_next_time() {
    let (pool, told, _quick_ran) = pool();
    let greedy = cell(Kind::Greedy);
    let mut nice = Vec::new();
    for _ in 0..2 {
        pool.ready(Arc::clone(&greedy));
        nice.push(told.recv_timeout(PATIENCE).expect("it runs"));
        // It is weighed when its turn is over.
        while !lock(&pool.busy).is_empty() {
            std::thread::yield_now();
        }
    }
    pool.stop();
    assert!(nice[0] < nice[1], "{nice:?}");
}

#[tokio::test]
async fn a_quick_cell_does_not_wait_for_endless_ones() {
    let (pool, _told, quick_ran) = pool();
    // More than there are threads: without other threads in their places nobody runs the last.
    for _ in 0..10 {
        pool.ready(cell(Kind::Endless));
    }
    pool.ready(cell(Kind::Quick));
    let begun = Stopwatch::start();
    while !quick_ran.load(Ordering::Relaxed) {
        assert!(begun.elapsed_us() < micros(PATIENCE), "it waits for ever");
        std::thread::yield_now();
    }
    pool.stop();
}
