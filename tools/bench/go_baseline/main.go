// The client that this project replaces, for comparison: 200 calls in flight over HTTP/1.1 and a limiter whose
// interval is the constant 1/2000 * time.Second, which is integer division and so 0: it never waits.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"
)

const (
	inFlight = 200
	interval = 1 / 2000 * time.Second
)

func main() {
	base, calls := os.Args[1], number(os.Args[2])
	transport := &http.Transport{MaxIdleConns: inFlight, MaxIdleConnsPerHost: inFlight}
	client := &http.Client{Transport: transport, Timeout: 10 * time.Second}
	work, statuses := make(chan int), make(map[int]int)
	var workers sync.WaitGroup
	var counting sync.Mutex
	began := time.Now()
	for i := 0; i < inFlight; i++ {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for n := range work {
				status := ask(client, base, n)
				counting.Lock()
				statuses[status]++
				counting.Unlock()
			}
		}()
	}
	for n := 1; n <= calls; n++ {
		work <- n
		time.Sleep(interval)
	}
	close(work)
	workers.Wait()
	report(calls, time.Since(began), statuses)
}

func ask(client *http.Client, base string, n int) int {
	request, err := http.NewRequest("GET", fmt.Sprintf("%s/v2/bot/profile/U%032x", base, n), nil)
	if err != nil {
		panic(err)
	}
	request.Header.Set("Authorization", "Bearer double-1-go")
	response, err := client.Do(request)
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return 0
	}
	var profile struct{ UserID string }
	if json.Unmarshal(body, &profile) != nil {
		return 0
	}
	return response.StatusCode
}

func report(calls int, took time.Duration, statuses map[int]int) {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		panic(err)
	}
	cpu := time.Duration(used.Utime.Nano() + used.Stime.Nano())
	figures := map[string]any{
		"calls": calls, "answered": statuses[200] + statuses[404], "wall_s": took.Seconds(), "cpu_s": cpu.Seconds(),
	}
	if err := json.NewEncoder(os.Stdout).Encode(figures); err != nil {
		panic(err)
	}
}

func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		panic(err)
	}
	return n
}
