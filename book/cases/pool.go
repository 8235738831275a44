// Two goroutines: one adds a key, the other looks for it. Debian: apt install golang-go golang-golang-x-sys-dev
package main

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

const ring = unix.KEY_SPEC_PROCESS_KEYRING

func main() {
	go owner() // the fix
	looks, added, found := make(chan bool), make(chan bool), make(chan error)
	go func() {
		// The scheduler runs a goroutine on any thread. Here each has its own.
		runtime.LockOSThread()
		looks <- true
		<-added
		found <- onOwner(look) // the fix, not: found <- look()
	}()
	<-looks
	go func() {
		runtime.LockOSThread()
		onOwner(add) // the fix, not: add()
		added <- true
		select {}
	}()
	fmt.Println("look:", <-found)
}

func add() error {
	_, err := unix.AddKey("user", "db", []byte("correct horse battery"), ring)
	return err
}

func look() error {
	_, err := unix.KeyctlSearch(ring, "user", "db", 0)
	return err
}

var calls, answers = make(chan func() error), make(chan error)

// One goroutine makes all calls on keys, on a thread that is only its own.
func owner() {
	runtime.LockOSThread()
	for call := range calls {
		answers <- call()
	}
}

func onOwner(call func() error) error {
	calls <- call
	return <-answers
}
