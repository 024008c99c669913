//! stacks_rust MODE: leaves a socket open that was opened by functions with names.
//!
//!     method    by a method of a type with a parameter
//!     closure   by a closure
//!     trait     by a method of a trait
//!     thread    by a thread

use std::mem;
use std::net::UdpSocket;
use std::thread;

struct Pool<T> {
    sockets: Vec<T>,
}

impl Pool<UdpSocket> {
    #[inline(never)]
    fn open(&mut self) {
        self.sockets.push(UdpSocket::bind("127.0.0.1:0").unwrap());
    }

    #[inline(never)]
    fn open_all(&mut self) {
        self.open();
        assert_eq!(self.sockets.len(), 1);
    }
}

trait Opens {
    fn begin(&self) -> usize;
}

impl Opens for u8 {
    #[inline(never)]
    fn begin(&self) -> usize {
        open_pool() + *self as usize
    }
}

// They would be closed at its end.
#[inline(never)]
fn open_pool() -> usize {
    let mut pool = Pool { sockets: Vec::new() };
    pool.open_all();
    let count = pool.sockets.len();
    mem::forget(pool);
    count
}

#[inline(never)]
fn call(function: &dyn Fn(usize) -> usize) -> usize {
    function(1) + 1
}

fn main() {
    let mode = std::env::args().nth(1).unwrap_or_default();
    let opened = match mode.as_str() {
        "method" => open_pool(),
        "closure" => call(&|more| open_pool() + more),
        "trait" => 1u8.begin(),
        "thread" => thread::spawn(open_pool).join().unwrap(),
        _ => panic!("no such mode"),
    };
    assert!(opened > 0);
}
