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
    inbox: Inbox<Kind>,
    burden: Burden,
}

impl Hosted for Cell {
    type Input = Kind;

    fn name(&self) -> &'static str {
        "cell"
    }

    fn inbox(&self) -> &Inbox<Kind> {
        &self.inbox
    }

    fn burden(&self) -> &Burden {
        &self.burden
    }
}

struct Site {
    nice: mpsc::SyncSender<i32>,
    quick_ran: AtomicBool,
}

impl Host<Cell> for Site {
    fn take(self: Arc<Self>, _cell: &Arc<Cell>, kind: Kind) {
        match kind {
            Kind::Greedy => {
                let nice = rustix::process::getpriority_process(Some(gettid()));
                self.nice.send(nice.expect("a thread has one")).ok();
                let begun = priority::own_cpu_us();
                while priority::own_cpu_us() - begun < 2 * micros(limits::SESSION_HEAVY) {}
            }
            Kind::Endless => {
                while !self.quick_ran.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            }
            Kind::Quick => self.quick_ran.store(true, Ordering::Relaxed),
        }
    }

    fn hangs(self: Arc<Self>, _cell: &Arc<Cell>) {}
}

fn cell() -> Arc<Cell> {
    Arc::new(Cell {
        inbox: Inbox::new(true),
        burden: Burden::default(),
    })
}

fn put(pool: &Pool<Cell>, cell: &Arc<Cell>, kind: Kind) {
    assert!(pool.see_to(cell, cell.inbox.push(kind, 9)));
}

fn pool() -> (Arc<Pool<Cell>>, mpsc::Receiver<i32>, Arc<Site>) {
    let (nice, told) = mpsc::sync_channel(100);
    let site = Arc::new(Site {
        nice,
        quick_ran: AtomicBool::new(false),
    });
    let pool = Pool::new("test");
    pool.start(Arc::downgrade(&site));
    (pool, told, site)
}

#[tokio::test]
async fn a_cell_that_takes_much_runs_in_the_background_next_time() {
    let (pool, told, _site) = pool();
    let greedy = cell();
    let mut nice = Vec::new();
    for _ in 0..2 {
        put(&pool, &greedy, Kind::Greedy);
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
    let (pool, _told, site) = pool();
    // More than there are threads: without other threads in their places nobody runs the last.
    for _ in 0..10 {
        put(&pool, &cell(), Kind::Endless);
    }
    put(&pool, &cell(), Kind::Quick);
    let begun = Stopwatch::start();
    while !site.quick_ran.load(Ordering::Relaxed) {
        assert!(begun.elapsed_us() < micros(PATIENCE), "it waits for ever");
        std::thread::yield_now();
    }
    pool.stop();
}
