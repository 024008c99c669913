// go_client ADDRESS [N]: N goroutines connect to the address and say in turn how that ended. ADDRESS "self": to a
// listener of its own, whose accepts that fail are told, too.
package main

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"strconv"
	"sync"
	"time"
)

const limit = 30 * time.Second

func must(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// Each on a thread of its own.
func dial(address string, ready *sync.WaitGroup) string {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	ready.Done()
	ready.Wait()
	connection, err := net.DialTimeout("tcp4", address, limit)
	if err != nil {
		return err.Error()
	}
	if err = connection.Close(); err != nil {
		return err.Error()
	}
	return "connected"
}

func dialAll(address string, count int) {
	results := make([]string, count)
	var done, ready sync.WaitGroup
	done.Add(count)
	ready.Add(count)
	for i := range results {
		go func(i int) {
			defer done.Done()
			results[i] = dial(address, &ready)
		}(i)
	}
	done.Wait()
	for _, result := range results {
		fmt.Println(result)
	}
}

// Ends with the listener.
func serve(listener net.Listener, ended chan<- bool) {
	for {
		connection, err := listener.Accept()
		if err == nil {
			connection.Close()
		} else if temporary, ok := err.(net.Error); ok && temporary.Timeout() {
			break
		} else {
			fmt.Println(err)
		}
	}
	ended <- true
}

func main() {
	address, count := "self", 1
	if len(os.Args) > 1 {
		address = os.Args[1]
	}
	if len(os.Args) > 2 {
		var err error
		count, err = strconv.Atoi(os.Args[2])
		must(err)
	}
	if address != "self" {
		dialAll(address, count)
		return
	}
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	must(err)
	ended := make(chan bool)
	go serve(listener, ended)
	dialAll(listener.Addr().String(), count)
	must(listener.(*net.TCPListener).SetDeadline(time.Now()))
	<-ended
	must(listener.Close())
}
