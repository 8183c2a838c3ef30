//! Work that threads share, with results in the order of the places: nothing depends on how many threads there are or which was quick.

use std::sync::atomic::{AtomicUsize, Ordering};

/// What each thread leaves, with the places that it took and what it made of them.
type Left<S, T> = Vec<(S, Vec<(usize, T)>)>;

/// Calls `make` for each place and gives what it makes, in order.
pub fn parallel<T: Send>(places: usize, threads: usize, make: impl Fn(usize) -> T + Sync) -> Vec<T> {
    parallel_with(places, threads, || (), |(), place| make(place))
}

/// The same, where each thread has something of its own, such as what it remembers.
pub fn parallel_with<S: Send, T: Send>(
    places: usize,
    threads: usize,
    own: impl Fn() -> S + Sync,
    make: impl Fn(&mut S, usize) -> T + Sync,
) -> Vec<T> {
    let mut made: Vec<(usize, T)> = workers(places, threads, own, make).into_iter().flat_map(|(_, made)| made).collect();
    made.sort_unstable_by_key(|(place, _)| *place);
    made.into_iter().map(|(_, made)| made).collect()
}

/// The same, where what the threads had of their own is asked for afterwards. No threads are one.
pub fn workers<S: Send, T: Send>(
    places: usize,
    threads: usize,
    own: impl Fn() -> S + Sync,
    make: impl Fn(&mut S, usize) -> T + Sync,
) -> Left<S, T> {
    let next = AtomicUsize::new(0);
    let work = || {
        let (mut mine, mut made) = (own(), Vec::new());
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            if place >= places {
                return (mine, made);
            }
            made.push((place, make(&mut mine, place)));
        }
    };
    let threads = threads.clamp(1, places.max(1));
    if threads == 1 {
        return vec![work()];
    }
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(|worker| worker.join().expect("workers do not panic")).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_is_made_once_and_in_order() {
        for threads in [0, 1, 2, 7] {
            for places in [0, 1, 5, 100] {
                let expected: Vec<usize> = (0..places).map(|n| n * n).collect();
                assert_eq!(parallel(places, threads, |place| place * place), expected, "{places} places, {threads} threads");
                let counted = workers(places, threads, || 0, |count, _| *count += 1);
                assert_eq!(counted.iter().map(|(count, _)| *count).sum::<usize>(), places);
            }
        }
    }
}
