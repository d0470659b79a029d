package main

import "encoding/binary"

// Whoever knows the id of a key knows the sizes of its files and what is in them: nobody has to remember.

const idBytes = 32

// mix spreads the bits of a number (the finaliser of SplitMix64).
func mix(number uint64) uint64 {
	number += 0x9e3779b97f4a7c15
	number = (number ^ number>>30) * 0xbf58476d1ce4e5b9
	number = (number ^ number>>27) * 0x94d049bb133111eb
	return number ^ number>>31
}

// putID writes the id of a key: 16 bytes that look random, then the sizes of its files a, i and r hidden with them.
func putID(to []byte, number, a, i, r int) {
	low, high := mix(uint64(number)), mix(^uint64(number))
	binary.LittleEndian.PutUint64(to[0:], low)
	binary.LittleEndian.PutUint64(to[8:], high)
	binary.LittleEndian.PutUint32(to[16:], uint32(a)^uint32(low))
	binary.LittleEndian.PutUint32(to[20:], uint32(i)^uint32(low>>32))
	binary.LittleEndian.PutUint32(to[24:], uint32(r)^uint32(high))
	binary.LittleEndian.PutUint32(to[28:], uint32(mix(low)))
}

const shiftMax = 64 * 1024

// bytesOf is what is in a file: a stretch of the noise that depends on key and type.
func bytesOf(noise []byte, number int, fileType byte, size int) []byte {
	shift := int(mix(uint64(number)*256+uint64(fileType)) % shiftMax)
	return noise[shift : shift+size]
}

func makeNoise(sizeMax int) []byte {
	noise := make([]byte, (sizeMax+shiftMax+7)/8*8)
	for at := 0; at < len(noise); at += 8 {
		binary.LittleEndian.PutUint64(noise[at:], mix(uint64(at)))
	}
	return noise
}
