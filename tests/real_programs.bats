#!/usr/bin/env bats
# Programs that people use, with numbers that are known from elsewhere: how many requests were made, what the
# program itself counted.

# shellcheck disable=SC2030,SC2031 # each test is a subshell of its own, and is meant to be

load helpers

# An untraced HTTP server; sets port.
start_http() {
  start http "$PYTHON" -u -m http.server --bind 127.0.0.1 --directory "$BATS_TEST_TMPDIR" 0
  wait_for_output http Serving
  port=$(sed -n 's/.* port \([0-9]*\) .*/\1/p' "$BATS_TEST_TMPDIR/http.out")
}

# bats test_tags=vm
@test "curl: one connection for a request, and one more where it may not be kept" {
  requires curl
  start_http
  socktest_json_ok curl -sS -o /dev/null "http://127.0.0.1:$port/"
  assert_counter inet/stream/tcp opened 1
  assert_counter inet/stream/tcp connected 1
  assert_counter inet/stream/tcp closed 1
  assert_none_inflight
  # http.server speaks HTTP/1.0, which closes.
  socktest_json_ok curl -sS -o /dev/null -o /dev/null -o /dev/null "http://127.0.0.1:$port/"{,?2,?3}
  assert_counter inet/stream/tcp connected 3
  assert_counter inet/stream/tcp closed 3
}

@test "curl: a refused connection" {
  requires curl
  socktest_json curl -sS "http://127.0.0.1:$(free_port)/"
  assert_status 7
  assert_counter inet/stream/tcp connect_failed 1
  assert_counter inet/stream/tcp connected 0
  assert_none_inflight
}

@test "python3 http.server: one accept a request" {
  requires curl
  start_traced server "$PYTHON" -u -m http.server --bind 127.0.0.1 --directory "$BATS_TEST_TMPDIR" 0
  wait_for_output server Serving
  port=$(sed -n 's/.* port \([0-9]*\) .*/\1/p' "$BATS_TEST_TMPDIR/server.out")
  for _ in 1 2 3 4 5; do curl -sS -o /dev/null "http://127.0.0.1:$port/"; done
  wait_for_output server 'GET'
  stop server TERM
  assert_status 143
  read_report server
  assert_counter inet/stream/tcp opened 1
  assert_counter inet/stream/tcp listened 1
  assert_counter inet/stream/tcp accepted 5
}

# bats test_tags=vm
@test "python3 asyncio: server and client" {
  cat >"$BATS_TEST_TMPDIR/echo.py" <<'END'
import asyncio

async def serve(reader, writer):
    writer.write(await reader.read(1))
    writer.close()

async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    address = server.sockets[0].getsockname()
    for _ in range(10):
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"x")
        assert await reader.read() == b"x"
        writer.close()
        await writer.wait_closed()
    server.close()
    await server.wait_closed()

asyncio.run(main())
END
  socktest_json_ok "$PYTHON" "$BATS_TEST_TMPDIR/echo.py"
  assert_counter inet/stream/tcp opened 11
  assert_counter inet/stream/tcp connected 10
  assert_counter inet/stream/tcp accepted 10
  assert_counter inet/stream/tcp closed 21
  assert_counter inet/stream/tcp connect_failed 0
  assert_none_inflight
}

@test "node: HTTP server and client" {
  requires node
  cat >"$BATS_TEST_TMPDIR/http.js" <<'END'
const http = require('http');
const server = http.createServer((request, response) => response.end('x'));
function get(left) {
  if (left === 0) return server.close();
  http.get({port: server.address().port, host: '127.0.0.1', agent: false}, response => {
    response.resume();
    response.on('close', () => get(left - 1));
  });
}
server.listen(0, '127.0.0.1', () => get(5));
END
  socktest_json_ok node "$BATS_TEST_TMPDIR/http.js"
  assert_counter inet/stream/tcp opened 6
  assert_counter inet/stream/tcp connected 5
  assert_counter inet/stream/tcp listened 1
  assert_counter inet/stream/tcp accepted 5
  assert_counter inet/stream/tcp closed 11
}

@test "ncat: server and client, both traced" {
  requires ncat
  port=$(free_port)
  start_traced server ncat -l 127.0.0.1 "$port" --keep-open --sh-exec "echo hello"
  wait_for is_listening "$port"
  for _ in 1 2 3; do
    socktest_json_ok ncat --recv-only 127.0.0.1 "$port"
    assert_equal "$output" hello
    assert_counter inet/stream/tcp opened 1
    assert_counter inet/stream/tcp connected 1
  done
  stop server TERM
  read_report server
  assert_counter inet/stream/tcp accepted 3
  assert_counter inet/stream/tcp listened 1
}

@test "socat: a forking server" {
  requires socat
  port=$(free_port)
  start_traced server socat "TCP4-LISTEN:$port,bind=127.0.0.1,fork,reuseaddr" SYSTEM:cat
  wait_for is_listening "$port"
  for _ in 1 2 3 4; do
    run bash -c "echo hello | socat -t 10 - TCP4:127.0.0.1:$port"
    assert_equal "$output" hello
  done
  stop server TERM
  read_report server
  assert_counter inet/stream/tcp opened 1
  assert_counter inet/stream/tcp accepted 4
}

# bats test_tags=vm
@test "redis-server: accepted is what redis counts itself" {
  requires redis-server
  requires redis-benchmark
  port=$(free_port)
  start_traced server redis-server --port "$port" --bind 127.0.0.1 --save '' --appendonly no --dir "$BATS_TEST_TMPDIR"
  wait_for is_listening "$port"
  redis-benchmark -h 127.0.0.1 -p "$port" -n 500 -c 20 -t ping -q >/dev/null
  received=$(redis-cli -h 127.0.0.1 -p "$port" info stats | tr -d '\r' | sed -n 's/^total_connections_received://p')
  [ "$received" -ge 20 ] || fail "redis received $received connections"
  stop server TERM
  assert_status 0
  read_report server
  assert_counter inet/stream/tcp accepted "$received"
  assert_counter inet/stream/tcp listened 1
}

@test "redis-benchmark: as many connections as redis received" {
  requires redis-server
  requires redis-benchmark
  port=$(free_port)
  start server redis-server --port "$port" --bind 127.0.0.1 --save '' --appendonly no --dir "$BATS_TEST_TMPDIR"
  wait_for is_listening "$port"
  socktest_json_ok redis-benchmark -h 127.0.0.1 -p "$port" -n 200 -c 10 -t ping -q
  received=$(redis-cli -h 127.0.0.1 -p "$port" info stats | tr -d '\r' | sed -n 's/^total_connections_received://p')
  # The last one is redis-cli's.
  assert_counter inet/stream/tcp opened $((received - 1))
  # Its connects do not block, and it never asks how they ended: the kernel knows.
  assert_counter inet/stream/tcp connected $((received - 1))
  assert_counter inet/stream/tcp pending 0
}

# bats test_tags=vm
@test "nginx: with ab, as many accepts as nginx counts itself" {
  PATH=$PATH:/usr/sbin
  requires nginx
  requires ab
  requires curl
  port=$(free_port)
  write_nginx_config "$port"
  start_traced server nginx -c "$BATS_TEST_TMPDIR/nginx.conf" -e "$BATS_TEST_TMPDIR/error.log"
  wait_for is_listening "$port"
  ab -q -n 200 -c 4 "http://127.0.0.1:$port/" >"$BATS_TEST_TMPDIR/ab.out"
  assert_contains "$(tr -s ' ' <"$BATS_TEST_TMPDIR/ab.out")" "Complete requests: 200"
  # "server accepts handled requests", and below them the numbers; the last connection is curl's.
  accepts=$(curl -sS "http://127.0.0.1:$port/status" | awk '/^ [0-9]/ { print $1 }')
  [ "$accepts" -ge 201 ] || fail "nginx counts $accepts"
  wait_for test -s "$BATS_TEST_TMPDIR/nginx.pid"
  kill -QUIT "$(cat "$BATS_TEST_TMPDIR/nginx.pid")"
  finish server
  assert_status 0
  read_report server
  assert_equal "$(wc -l <"$BATS_TEST_TMPDIR/access.log")" 200 "requests that nginx logged"
  assert_counter inet/stream/tcp opened 1
  assert_counter inet/stream/tcp accepted "$accepts"
  assert_counter inet/stream/tcp accept_failed 0
  assert_equal "$(json '[.stats[].adopted] | add')" 0 "adopted"
}

@test "nginx: an accept that fails is logged, and served later" {
  PATH=$PATH:/usr/sbin
  requires nginx
  requires curl
  port=$(free_port)
  write_nginx_config "$port"
  start_traced server --fail-accept=ECONNABORTED:when=1..2 nginx -c "$BATS_TEST_TMPDIR/nginx.conf" -e "$BATS_TEST_TMPDIR/error.log"
  wait_for is_listening "$port"
  run curl -sS "http://127.0.0.1:$port/"
  assert_equal "$output" x
  wait_for test -s "$BATS_TEST_TMPDIR/nginx.pid"
  kill -QUIT "$(cat "$BATS_TEST_TMPDIR/nginx.pid")"
  finish server
  read_report server
  assert_counter inet/stream/tcp injected.accept 2
  assert_counter inet/stream/tcp accepted 1
  assert_contains "$(cat "$BATS_TEST_TMPDIR/error.log")" "Software caused connection abort"
}

@test "ab: as many connections as requests, one after the other" {
  requires ab
  start_http
  socktest_json_ok ab -q -n 100 -c 1 "http://127.0.0.1:$port/"
  assert_counter inet/stream/tcp opened 100
  assert_counter inet/stream/tcp connected 100
}
