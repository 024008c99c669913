//! rust_client ADDRESS: connects to the address, for which it waits with poll(2), and says how that ended.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

fn main() {
    let address: SocketAddr = std::env::args().nth(1).unwrap().parse().unwrap();
    match TcpStream::connect_timeout(&address, Duration::from_secs(30)) {
        Ok(_) => println!("connected"),
        Err(error) => println!("{}", error),
    }
}
