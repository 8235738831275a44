// One goroutine links @u to @p so that its keys can be read, another one reads. Debian: apt install golang-go golang-golang-x-sys-dev
package main

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

func main() {
	key, _ := unix.AddKey("user", "db", []byte("correct horse battery"), unix.KEY_SPEC_USER_KEYRING)
	reads, linked, done := make(chan bool), make(chan bool), make(chan error)
	go func() {
		runtime.LockOSThread()
		reads <- true
		<-linked
		link(unix.KEY_SPEC_THREAD_KEYRING) // the fix
		_, err := unix.KeyctlBuffer(unix.KEYCTL_READ, key, make([]byte, 64), 0)
		done <- err
	}()
	<-reads
	go func() {
		runtime.LockOSThread()
		link(unix.KEY_SPEC_PROCESS_KEYRING)
		linked <- true
		select {}
	}()
	fmt.Println("read:", <-done)
}

func link(ring int) {
	unix.KeyctlInt(unix.KEYCTL_LINK, unix.KEY_SPEC_USER_KEYRING, ring, 0, 0)
}
