// stacks_go MODE [N]: leaves sockets open that were opened by functions with names. Built in several ways.
//
//	plain         by a method that a function called
//	goroutines N  by N goroutines, each on a thread of its own, on stacks that others had before
//	generic       by a function and a method with type parameters
//	closure       by a function without a name
//	cold          by functions with names as C compilers give to parts of functions
//	net           by package net: listens, and accepts one connection
package main

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"strconv"
	"sync"
	"syscall"
)

type pool struct{ fds []int }

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "stacks_go:", err)
		os.Exit(1)
	}
}

// Inlined, and calls what is inlined from another package.
func opened() int {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	must(err)
	return fd
}

//go:noinline
func (p *pool) open() {
	p.fds = append(p.fds, opened())
}

//go:noinline
func dialAll() {
	new(pool).open()
}

// Leaves stacks behind that are full of addresses of code.
//
//go:noinline
func deep(left int) int {
	var room [64]int
	if left == 0 {
		return room[0]
	}
	room[left%64] = deep(left - 1)
	return room[left%64] + 1
}

//go:noinline
func inGoroutine(ready *sync.WaitGroup) {
	runtime.LockOSThread() // and dies with its thread
	ready.Done()
	ready.Wait()
	dialAll()
}

func inGoroutines(count int) {
	var done, ready sync.WaitGroup
	for i := 0; i < count; i++ {
		done.Add(1)
		go func() {
			defer done.Done()
			deep(20)
		}()
	}
	done.Wait()
	ready.Add(count)
	for i := 0; i < count; i++ {
		done.Add(1)
		go func() {
			defer done.Done()
			inGoroutine(&ready)
		}()
	}
	done.Wait()
}

type box[T any] struct{ value T }

//go:noinline
func (b *box[T]) fill(value T) {
	b.value = value
	dialAll()
}

//go:noinline
func fillOne[T any](value T) {
	new(box[T]).fill(value)
}

//go:noinline
func call(function func()) {
	function()
}

type part struct{}

//go:noinline
func (part) cold() {
	dialAll()
}

//go:noinline
func listen() {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	must(err)
	_, err = net.Dial("tcp4", listener.Addr().String())
	must(err)
	_, err = listener.Accept()
	must(err)
}

func main() {
	mode, count := "plain", 4
	if len(os.Args) > 1 {
		mode = os.Args[1]
	}
	if len(os.Args) > 2 {
		var err error
		count, err = strconv.Atoi(os.Args[2])
		must(err)
	}
	switch mode {
	case "plain":
		dialAll()
	case "goroutines":
		inGoroutines(count)
	case "generic":
		fillOne(1)
	case "closure":
		call(func() { dialAll() })
	case "cold":
		part{}.cold()
	case "net":
		listen()
	default:
		must(fmt.Errorf("no such mode: %s", mode))
	}
}
